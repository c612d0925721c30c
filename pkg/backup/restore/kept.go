package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
)

// shownKept are how many of what was kept are named.
const shownKept = 5

// KeptError is a member in which something was there before that is not the set's, and
// still is not: done, and below what was asked for.
type KeptError struct{ v1alpha1.RestoreKept }

func (e *KeptError) Error() string {
	text := strings.Join(e.Names, ", ")
	if more := e.Objects - len(e.Names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return "not as it was backed up, since it was there already: " + text
}

// keptOf is the error of a member that has kept something; nil: it has not.
func keptOf(p *v1alpha1.RestoreProgress) error {
	if p.Kept == nil || p.Kept.Objects == 0 {
		return nil
	}
	return &KeptError{*p.Kept}
}

// kept finds what was there before a Restore, and is not as it was backed up: Velero calls
// that Completed, and has no more than a warning of it. Claims have kept their data.
func (o *one) kept(ctx context.Context, server velero.Server, r *velerov1.Restore) error {
	var before bool
	var claims, objects []string
	err := patience.Try(ctx, func() (err error) {
		if before, err = o.before(ctx, r); err != nil || !before {
			return err
		}
		claims, err = o.keptClaims(ctx, r)
		return err
	})
	if err != nil || !before {
		return err
	}
	unknown := ""
	if r.Status.Warnings > 0 {
		if objects, err = o.keptObjects(ctx, server, r); err != nil {
			unknown = err.Error()
		}
	}
	all := slices.Concat(claims, objects)
	o.change(func(p *v1alpha1.RestoreProgress) {
		p.Kept = nil
		if len(all) > 0 || unknown != "" {
			p.Kept = &v1alpha1.RestoreKept{Objects: len(all), Names: all[:min(len(all), shownKept)], Unknown: unknown}
		}
	})
	return nil
}

// isOlder is true for an object that was there before a Restore, by the clock of the API
// server that made both.
func isOlder(o *unstructured.Unstructured, r *velerov1.Restore) bool {
	at := o.GetCreationTimestamp()
	return at.Before(&r.CreationTimestamp)
}

// before is true if one of the namespaces was there before the Restore, or may have been.
func (o *one) before(ctx context.Context, r *velerov1.Restore) (bool, error) {
	for _, from := range o.part.Namespaces {
		is, err := o.member.Object(ctx, coreResource("namespaces", "Namespace", false), "", inTarget(&o.whole.plan.Spec, from))
		switch {
		case member.IsObjectNotFound(err):
		case err != nil:
			return false, err
		case isOlder(is, r):
			return true, nil
		}
	}
	return o.part.Namespaces == nil, nil
}

// keptClaims are the claims of the set that were there before: their volumes are not the
// backup's.
func (o *one) keptClaims(ctx context.Context, r *velerov1.Restore) ([]string, error) {
	var kept []string
	for _, v := range o.part.Volumes {
		namespace := inTarget(&o.whole.plan.Spec, v.Namespace)
		is, err := o.member.Object(ctx, coreResource("persistentvolumeclaims", "PersistentVolumeClaim", true), namespace, v.Claim)
		switch {
		case member.IsObjectNotFound(err):
		case err != nil:
			return nil, err
		case isOlder(is, r):
			kept = append(kept, "the data of persistentvolumeclaim "+namespace+"/"+v.Claim)
		}
	}
	return kept, nil
}

// keptObjects are the objects in namespaces that Velero warns of, and that are indeed other
// than they were backed up: Velero compares what is each cluster's own, too.
func (o *one) keptObjects(ctx context.Context, server velero.Server, r *velerov1.Restore) ([]string, error) {
	warnings, err := server.RestoreWarnings(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	var kept []string
	var unread error
	p := &preview{plan: o.whole.plan, part: o.part, member: o.member, cluster: o.cluster.Name}
	for object, err := range contents(ctx, server, o.part.Backup, func(err error) { unread = err }) {
		if unread != nil {
			return kept, unread // of names alone it is not known what differs
		}
		if err != nil {
			return kept, err
		}
		if isPassed(object) || isClustersOwn(object) || ended(object) != "" {
			continue
		}
		row := p.row(object)
		if !isWarnedOf(warnings, object) {
			continue
		}
		p.remap(object)
		differs, err := o.differs(ctx, object, r)
		if err != nil {
			return kept, err
		}
		if differs {
			kept = append(kept, strings.ToLower(row.Object.Kind)+" "+nameOf(object))
		}
	}
	return kept, unread
}

// isWarnedOf is true if one of the warnings of its namespace names an object.
func isWarnedOf(warnings map[string][]string, o *unstructured.Unstructured) bool {
	return o.GetNamespace() != "" && slices.ContainsFunc(warnings[o.GetNamespace()], func(text string) bool {
		return strings.Contains(text, o.GetKind()) && strings.Contains(text, o.GetName())
	})
}

// isClustersOwn is true for what the control plane of each cluster writes for itself in a
// namespace: that it differs says nothing of the application.
func isClustersOwn(o *unstructured.Unstructured) bool {
	switch o.GroupVersionKind().GroupKind().String() {
	case "ConfigMap":
		return o.GetName() == "kube-root-ca.crt"
	case "Endpoints", "Lease.coordination.k8s.io":
		return true
	}
	return metav1.GetControllerOf(o) != nil // its controller makes it what it is
}

// differs is true for an object that was there before, and is not as it was backed up. One
// that may not be read is not known to be other.
func (o *one) differs(ctx context.Context, was *unstructured.Unstructured, r *velerov1.Restore) (bool, error) {
	resource, err := o.member.ResourceOf(ctx, was.GroupVersionKind(), false)
	if err != nil {
		return false, err
	}
	is, err := o.member.Object(ctx, resource, was.GetNamespace(), was.GetName())
	switch {
	case member.IsObjectNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	}
	return isOlder(is, r) && len(differences(is, was)) > 0, nil
}
