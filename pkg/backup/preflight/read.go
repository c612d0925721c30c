package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// pageSize is how many objects a server sends at once.
const pageSize = 500

// typed reads a built-in type of some namespaces; none means all of them.
func typed[T any](ctx context.Context, m *member.Member, r member.Resource, namespaces []string) ([]*T, error) {
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var all []*T
	for _, namespace := range namespaces {
		for page, err := range m.Typed(ctx, member.ListRequest{Resource: r, Namespace: namespace, Limit: pageSize}) {
			if err != nil {
				return nil, err
			}
			err = meta.EachListItem(page, func(object runtime.Object) error {
				item, is := any(object).(*T)
				if !is {
					return &member.Error{Reason: member.ReasonInvalidAnswer, Err: fmt.Errorf("a list of %s has a %T", r.Resource, object)}
				}
				all = append(all, item)
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func builtin(gv schema.GroupVersion, plural, kind string, namespaced bool) member.Resource {
	return member.Resource{GroupVersionResource: gv.WithResource(plural), Kind: kind, Namespaced: namespaced}
}

func (r *reader) readStatus(ctx context.Context) error {
	status, err := r.server.Status(ctx)
	r.Member.VeleroVersion = status.ServerVersion
	_, silent := errors.AsType[*velero.SilentError](err)
	if silent || member.IsObjectNotFound(err) {
		r.Elsewhere = r.server.Elsewhere(ctx)
	}
	return err
}

func (r *reader) readLocation(ctx context.Context) (err error) {
	r.Location, err = r.server.Location(ctx, r.Spec.StorageLocation)
	return err
}

func (r *reader) readBackups(ctx context.Context) (err error) {
	r.Backups, err = r.server.Backups(ctx, "")
	return err
}

func (r *reader) readSchedules(ctx context.Context) (err error) {
	r.Schedules, err = r.server.Schedules(ctx)
	return err
}

func (r *reader) readNatives(ctx context.Context) (err error) {
	r.Natives, err = r.server.SnapshotLocations(ctx)
	return err
}

// readVolumes reads the claims of the scope, and their volumes. Of a cluster whose
// namespaces may not be listed those are known that the policy names.
func (r *reader) readVolumes(ctx context.Context) error {
	for page, err := range r.member.Metadata(ctx, member.ListRequest{Resource: builtin(corev1.SchemeGroupVersion, "namespaces", "Namespace", false), Limit: pageSize}) {
		if apierrors.IsForbidden(err) && r.scope().literal() != nil {
			break
		}
		if err != nil {
			return err
		}
		for i := range page {
			r.Namespaces = append(r.Namespaces, page[i].Name)
		}
	}
	if !takesClaims(r.Spec) {
		return nil
	}
	claims, err := typed[corev1.PersistentVolumeClaim](ctx, r.member, builtin(corev1.SchemeGroupVersion, "persistentvolumeclaims", "PersistentVolumeClaim", true), r.scope().literal())
	if err != nil {
		return err
	}
	r.Claims = slices.DeleteFunc(claims, func(c *corev1.PersistentVolumeClaim) bool { return !r.scope().has(c.Namespace) })
	if len(r.Claims) == 0 {
		return nil
	}
	volumes, err := typed[corev1.PersistentVolume](ctx, r.member, builtin(corev1.SchemeGroupVersion, "persistentvolumes", "PersistentVolume", false), nil)
	for _, v := range volumes {
		r.Volumes[v.Name] = v
	}
	return err
}

func (r *reader) scope() scope { return scopeOf(r.Spec) }

// readPods reads the pods of the scope, and those that are held.
func (r *reader) readPods(ctx context.Context) (err error) {
	namespaces := r.scope().literal()
	if namespaces != nil {
		for _, h := range r.Holds {
			if h.Container != "" && !slices.Contains(namespaces, h.Namespace) {
				namespaces = append(namespaces, h.Namespace)
			}
		}
	}
	r.Pods, err = typed[corev1.Pod](ctx, r.member, member.Pods(), namespaces)
	return err
}

// readScalers reads the autoscalers beside what is scaled.
func (r *reader) readScalers(ctx context.Context) (err error) {
	var namespaces []string
	for _, h := range r.Holds {
		if a := r.action(h); a != nil && a.Scale != nil && !slices.Contains(namespaces, h.Namespace) {
			namespaces = append(namespaces, h.Namespace)
		}
	}
	if len(namespaces) == 0 {
		return nil
	}
	r.Scalers, err = typed[autoscalingv2.HorizontalPodAutoscaler](ctx, r.member, builtin(autoscalingv2.SchemeGroupVersion, "horizontalpodautoscalers", "HorizontalPodAutoscaler", true), namespaces)
	return err
}

// readTargets reads the objects that are scaled or patched.
func (r *reader) readTargets(ctx context.Context) error {
	for i, h := range r.Holds {
		resource, err := r.target(ctx, h)
		if err != nil {
			return err
		}
		if resource.Kind == "" {
			continue
		}
		object, err := r.member.Object(ctx, resource, h.Namespace, h.Name)
		if err != nil {
			return fmt.Errorf("%s %s/%s: %w", resource.Kind, h.Namespace, h.Name, err)
		}
		r.Targets[i] = object
	}
	return nil
}

// target is the type of what a hold scales or patches; none for a pod.
func (r *reader) target(ctx context.Context, h v1alpha1.Hold) (member.Resource, error) {
	switch a := r.action(h); {
	case a == nil:
	case a.Scale != nil:
		return builtin(appsv1.SchemeGroupVersion, plural(a.Scale.Kind), a.Scale.Kind, true), nil
	case a.Patch != nil:
		gv, err := schema.ParseGroupVersion(a.Patch.APIVersion)
		if err != nil {
			return member.Resource{}, err
		}
		return r.member.ResourceOf(ctx, gv.WithKind(a.Patch.Kind), false)
	}
	return member.Resource{}, nil
}

// plural is the resource of a kind of workload.
func plural(kind string) string {
	switch kind {
	case "StatefulSet":
		return "statefulsets"
	case "ReplicaSet":
		return "replicasets"
	}
	return "deployments"
}

// action is what a hold is of.
func (f *Facts) action(h v1alpha1.Hold) *v1alpha1.QuiesceAction {
	if h.Wave >= len(f.Policy.Spec.Quiesce) || h.Action >= len(f.Policy.Spec.Quiesce[h.Wave].Actions) {
		return nil
	}
	return &f.Policy.Spec.Quiesce[h.Wave].Actions[h.Action]
}

// readClasses reads the VolumeSnapshotClasses. A cluster without the kind has none.
func (r *reader) readClasses(ctx context.Context) error {
	resource := builtin(schema.GroupVersion{Group: velero.SnapshotGroup, Version: "v1"}, "volumesnapshotclasses", "VolumeSnapshotClass", false)
	for page, err := range r.member.Objects(ctx, member.ListRequest{Resource: resource, Limit: pageSize}) {
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range page {
			driver, _, _ := unstructured.NestedString(page[i].Object, "driver")
			_, marked := page[i].GetLabels()[classLabel]
			_, isDefault := page[i].GetAnnotations()[defaultClassAnnotation]
			r.Classes = append(r.Classes, SnapshotClass{Name: page[i].GetName(), Driver: driver, Preferred: marked || isDefault})
		}
	}
	return nil
}
