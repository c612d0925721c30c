package restore

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// existing says what is there already, and what becomes of it.
func (l *look) existing(ctx context.Context, part *v1alpha1.RestoreMember) error {
	there := map[string]bool{}
	for _, from := range part.Namespaces {
		name := inTarget(&l.plan.Spec, from)
		object, err := l.member.Object(ctx, coreResource("namespaces", "Namespace", false), "", name)
		if member.IsObjectNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		drill := l.plan.Spec.Purpose == v1alpha1.RestoreForDrill
		if drill && l.ours(name) {
			continue // it is deleted first, or is being so since a drill that was killed
		}
		there[name] = true
		phase, _, _ := unstructured.NestedString(object.Object, "status", "phase")
		switch {
		case phase == string(corev1.NamespaceTerminating):
			l.refuse("namespace", "wait until it is gone", "namespace %s is being deleted", name)
		case l.ours(name):
		case drill:
			l.refuse("namespace", "--namespace-mappings gives it another name", "namespace %s is there: a drill restores into new ones alone", name)
		case l.plan.Spec.ExistingResources == existingUpdated:
			l.warn("namespace", "namespace %s is there: what differs in it is patched", name)
		default:
			l.warn("namespace", "namespace %s is there: what is in it stays as it is", name)
		}
	}
	for _, v := range part.Volumes {
		name := inTarget(&l.plan.Spec, v.Namespace)
		if !there[name] {
			continue
		}
		_, err := l.member.Object(ctx, coreResource("persistentvolumeclaims", "PersistentVolumeClaim", true), name, v.Claim)
		switch {
		case member.IsObjectNotFound(err):
		case err != nil:
			return err
		default:
			l.warn("volume", "PersistentVolumeClaim %s/%s is there, and keeps its data: the backup's are not restored", name, v.Claim)
		}
	}
	return nil
}

// ours is true for a namespace that an unfinished run of the same kind may have made.
func (l *look) ours(name string) bool {
	if l.Before == nil || !unfinished(l.Before) {
		return false
	}
	for _, part := range partsOf(l.Before, l.cluster) {
		if slices.ContainsFunc(part.Namespaces, func(from string) bool { return inTarget(&l.Before.Spec, from) == name }) {
			return true
		}
	}
	return false
}
