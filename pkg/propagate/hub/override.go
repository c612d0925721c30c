package hub

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/go-openapi/jsonpointer"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// overridesAnnotations are on a Work: the overrides that it was made with.
func overridesAnnotations() []string {
	return []string{"policy.karmada.io/applied-overrides", "policy.karmada.io/applied-cluster-overrides"}
}

type overrideKey struct{ ref, cluster string }

// appliedOverride is what one policy overrides in one cluster, as Karmada notes it
// on a Work.
type appliedOverride struct {
	Policy     string                    `json:"policyName"`
	Overriders policyv1alpha1.Overriders `json:"overriders"`
}

// overriddenIn is true if a Work was made with what the set's own policies
// override, no more and no less.
func (p *Plan) overriddenIn(w *work, template *unstructured.Unstructured, cluster string) bool {
	applied, known := w.applied()
	if !known {
		return false
	}
	applied = slices.DeleteFunc(applied, func(a appliedOverride) bool { return !slices.Contains(p.overrides, a.Policy) })
	wanted, some := p.overridden[overrideKey{set.RefOf(template).String(), cluster}]
	if some {
		return len(applied) == 1 && sameJSON(applied[0], wanted)
	}
	return !slices.ContainsFunc(applied, func(a appliedOverride) bool { return !isUndone(a.Overriders, w.manifest(), template) })
}

// isUndone is true for a manifest without what was overridden in it once. Karmada
// leaves the note of the last override when it is gone.
func isUndone(o policyv1alpha1.Overriders, manifest, template *unstructured.Unstructured) bool {
	return !slices.ContainsFunc(o.Plaintext, func(p policyv1alpha1.PlaintextOverrider) bool {
		pointer, err := jsonpointer.New(p.Path)
		if err != nil {
			return true
		}
		is, _, missing := pointer.Get(manifest.Object)
		should, _, none := pointer.Get(template.Object)
		return (missing == nil) != (none == nil) || !sameJSON(is, should)
	})
}

// sameJSON compares what two values are on the wire.
func sameJSON(a, b any) bool {
	var values [2]any
	for i, v := range []any{a, b} {
		text, err := json.Marshal(v)
		if err != nil || json.Unmarshal(text, &values[i]) != nil {
			return false
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}
