package restore

import (
	"context"
	"fmt"
	"maps"
	"slices"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
)

// templates are how many volumeClaimTemplates of a StatefulSet are mapped: Velero's
// rules name them one by one.
const templates = 4

// modify makes the ConfigMap by which Velero maps StorageClasses in this Restore, and
// in no other.
func (o *one) modify(ctx context.Context, r *velerov1.Restore) error {
	classes := o.whole.plan.Spec.StorageClassMappings
	if len(classes) == 0 {
		return nil
	}
	text, err := yaml.Marshal(rulesOf(classes))
	if err != nil {
		return err
	}
	object := &unstructured.Unstructured{Object: map[string]any{"data": map[string]any{"rules.yaml": string(text)}}} // Velero takes one key
	object.SetAPIVersion("v1")
	object.SetKind("ConfigMap")
	object.SetNamespace(r.Namespace)
	object.SetName(r.Name)
	object.SetLabels(r.Labels)
	r.Spec.ResourceModifier = &corev1.TypedLocalObjectReference{Kind: "ConfigMap", Name: r.Name}
	return patience.Try(ctx, func() error {
		_, err := o.member.Create(ctx, coreResource("configmaps", "ConfigMap", true), object)
		if apierrors.IsAlreadyExists(err) {
			return nil // made before: its name is the run's
		}
		return err
	})
}

// own makes the ConfigMap go with its Restore.
func (o *one) own(ctx context.Context, r *velerov1.Restore) error {
	if r.Spec.ResourceModifier == nil {
		return nil
	}
	configMaps := coreResource("configmaps", "ConfigMap", true)
	return patience.Try(ctx, func() error {
		is, err := o.member.Object(ctx, configMaps, r.Namespace, r.Spec.ResourceModifier.Name)
		if err != nil {
			return err
		}
		return o.member.MergePatch(ctx, configMaps, r.Namespace, is.GetName(), is.GetUID(), map[string]any{"metadata": map[string]any{
			"ownerReferences": []any{map[string]any{"apiVersion": velerov1.SchemeGroupVersion.String(), "kind": "Restore", "name": r.Name, "uid": string(r.UID)}},
		}})
	})
}

// rulesOf are Velero's rules that map StorageClasses. It matches all of them with the
// object as it was: names may be exchanged.
func rulesOf(classes map[string]string) map[string]any {
	var rules []any
	rule := func(resource, path, from, to string) {
		rules = append(rules, map[string]any{
			"conditions": map[string]any{"groupResource": resource, "matches": []any{map[string]any{"path": path, "value": quoted(from)}}},
			"patches":    []any{map[string]any{"operation": "replace", "path": path, "value": quoted(to)}},
		})
	}
	for _, from := range slices.Sorted(maps.Keys(classes)) {
		to := classes[from]
		rule("persistentvolumeclaims", "/spec/storageClassName", from, to)
		rule("persistentvolumes", "/spec/storageClassName", from, to)
		for i := range templates {
			rule("statefulsets.apps", fmt.Sprintf("/spec/volumeClaimTemplates/%d/spec/storageClassName", i), from, to)
		}
	}
	return map[string]any{"version": "v1", "resourceModifierRules": rules}
}

// quoted keeps a name such as 1 or true a text.
func quoted(name string) string { return `"` + name + `"` }
