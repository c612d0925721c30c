package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// What would become of an object.
const (
	changeCreate  = "Create"
	changeSame    = "Same"
	changeDiffers = "Differs"
	changePatch   = "Patch"
	changeExists  = "Exists"
	changeSkip    = "Skip"
	changeNoAPI   = "APIMissing"
	changeNoClass = "StorageClassMissing"
)

// comparisons are how many objects of a target are compared side by side.
const comparisons = 8

// Preview says for each target what would become of every object of the backups.
// Nothing is changed, and no value is in it.
func Preview(ctx context.Context, f Fleet, x *v1alpha1.RestoreExecution, o Observer) fanout.Results[[]*v1alpha1.RestoreChange] {
	return each(ctx, f, func(ctx context.Context, c inventory.Cluster, m *member.Member) ([]*v1alpha1.RestoreChange, error) {
		has, err := storageOf(ctx, m)
		if err != nil {
			return nil, err
		}
		var all []*v1alpha1.RestoreChange
		for _, part := range partsOf(x, c.Name) {
			p := &preview{plan: x, part: part, member: m, cluster: c.Name, storage: has, defined: map[schema.GroupKind]bool{}}
			err := p.read(ctx, func(err error) {
				p.onlyNames = true
				o.Waits(c.Name, fmt.Sprintf("the list of Backup %s: its contents cannot be read (%v), so nothing is compared", part.Backup, err))
			})
			all = append(all, p.changes...)
			if err != nil {
				return all, err
			}
		}
		return all, nil
	})
}

// preview is that of one member.
type preview struct {
	plan      *v1alpha1.RestoreExecution
	part      *v1alpha1.RestoreMember
	member    *member.Member
	cluster   string
	storage   storage
	onlyNames bool
	// defined are kinds whose definition is in the backup.
	defined map[schema.GroupKind]bool
	changes []*v1alpha1.RestoreChange
}

// read goes through the backup, and looks at some of its objects at a time.
func (p *preview) read(ctx context.Context, onlyNames func(error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	places := make(chan struct{}, comparisons)
	var broken error
	for object, err := range contents(ctx, serverOf(p.member, p.part), p.part.Backup, onlyNames) {
		if err != nil {
			broken = err
			break
		}
		if isPassed(object) {
			continue
		}
		p.define(object)
		change := p.row(object)
		p.changes = append(p.changes, change)
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			if err := p.judge(ctx, object, change); err != nil {
				cancel(err)
			}
		})
		if ctx.Err() != nil {
			break
		}
	}
	wait.Wait()
	for _, c := range p.changes { // its definition may have come after it
		kind := schema.FromAPIVersionAndKind(c.Object.APIVersion, c.Object.Kind).GroupKind()
		if c.Change == changeNoAPI && p.defined[kind] {
			c.Change, c.Why = changeCreate, ""
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return broken
}

// isPassed is true for what Velero never restores.
func isPassed(o *unstructured.Unstructured) bool {
	switch o.GroupVersionKind().GroupKind().String() {
	case "Node", "Event", "Event.events.k8s.io", "Backup.velero.io", "Restore.velero.io", "BackupRepository.velero.io",
		"CSINode.storage.k8s.io", "VolumeAttachment.storage.k8s.io", "ResticRepository.velero.io":
		return true
	}
	return false
}

// define takes note of a kind that the backup itself brings.
func (p *preview) define(o *unstructured.Unstructured) {
	if o.GroupVersionKind().GroupKind().String() != "CustomResourceDefinition.apiextensions.k8s.io" {
		return
	}
	group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
	p.defined[schema.GroupKind{Group: group, Kind: kind}] = true
}

// row is an object as it would be called.
func (p *preview) row(o *unstructured.Unstructured) *v1alpha1.RestoreChange {
	namespace, name := o.GetNamespace(), o.GetName()
	switch {
	case namespace != "":
		namespace = inTarget(&p.plan.Spec, namespace)
		o.SetNamespace(namespace)
	case o.GetKind() == "Namespace" && o.GetAPIVersion() == "v1":
		name = inTarget(&p.plan.Spec, name)
		o.SetName(name)
	}
	return &v1alpha1.RestoreChange{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.RestoreChangeKind},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: map[string]string{v1alpha1.ClusterAnnotation: p.cluster}},
		Source:     p.part.Source, Object: v1alpha1.FoundObject{APIVersion: o.GetAPIVersion(), Kind: o.GetKind()},
	}
}

// judge says what would become of an object.
func (p *preview) judge(ctx context.Context, o *unstructured.Unstructured, c *v1alpha1.RestoreChange) error {
	if why := ended(o); why != "" {
		c.Change, c.Why = changeSkip, why
		return nil
	}
	resource, err := p.member.ResourceOf(ctx, o.GroupVersionKind(), false)
	if member.ReasonOf(err) == member.ReasonNotInstalled {
		c.Change, c.Why = changeNoAPI, "the target does not know "+o.GroupVersionKind().GroupKind().String()+" in version "+o.GroupVersionKind().Version
		return nil
	}
	if err != nil {
		return err
	}
	is, err := p.member.Object(ctx, resource, o.GetNamespace(), o.GetName())
	switch {
	case member.IsObjectNotFound(err):
		c.Change = changeCreate
		p.class(o, c)
		return nil
	case err != nil:
		return err
	case p.onlyNames:
		c.Change = changeExists
		return nil
	}
	p.remap(o)
	c.Paths = differences(is, o)
	switch {
	case len(c.Paths) == 0:
		c.Change = changeSame
	case p.plan.Spec.ExistingResources == existingUpdated:
		c.Change = changePatch
	default:
		c.Change, c.Why = changeDiffers, "it stays as it is"
	}
	if o.GetKind() == "PersistentVolumeClaim" {
		c.Why = "its volume keeps its data"
	}
	return nil
}

// ended is why Velero would not restore what has come to its end; empty: it would.
func ended(o *unstructured.Unstructured) string {
	switch o.GroupVersionKind().GroupKind().String() {
	case "Pod":
		phase, _, _ := unstructured.NestedString(o.Object, "status", "phase")
		if phase == string(corev1.PodSucceeded) || phase == string(corev1.PodFailed) {
			return "it had ended: " + phase
		}
	case "Job.batch":
		if at, _, _ := unstructured.NestedString(o.Object, "status", "completionTime"); at != "" {
			return "it had ended"
		}
	}
	return ""
}

// remap gives a claim its other StorageClass.
func (p *preview) remap(o *unstructured.Unstructured) {
	if to := p.plan.Spec.StorageClassMappings[classOf(o)]; to != "" {
		_ = unstructured.SetNestedField(o.Object, to, "spec", "storageClassName")
	}
}

func classOf(o *unstructured.Unstructured) string {
	if o.GetKind() != "PersistentVolumeClaim" {
		return ""
	}
	class, _, _ := unstructured.NestedString(o.Object, "spec", "storageClassName")
	return class
}

// class says where a claim's StorageClass is missing.
func (p *preview) class(o *unstructured.Unstructured, c *v1alpha1.RestoreChange) {
	p.remap(o)
	if class := classOf(o); class != "" && !p.storage.classes[class] {
		c.Change, c.Why = changeNoClass, "there is no StorageClass "+class
	}
}

// differences are the fields in which an object is not as it was backed up, but for
// what is each cluster's own and what Velero writes.
func differences(is, was *unstructured.Unstructured) []string {
	normal := func(o *unstructured.Unstructured) map[string]any {
		o = o.DeepCopy()
		for _, strip := range []struct {
			get func() map[string]string
			set func(map[string]string)
		}{{o.GetLabels, o.SetLabels}, {o.GetAnnotations, o.SetAnnotations}} {
			values := strip.get()
			for name := range values {
				if strings.HasPrefix(name, "velero.io/") {
					delete(values, name)
				}
			}
			if len(values) == 0 {
				values = nil
			}
			strip.set(values)
		}
		return drift.Normal(o, drift.Options{})
	}
	var paths []string
	for _, d := range drift.Fields(normal(was), normal(is)) {
		paths = append(paths, d.Path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
