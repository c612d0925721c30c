package policy

import (
	"cmp"
	"slices"
	"strings"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// Change is one thing that a policy made different in an object.
type Change struct {
	// Policy is Kind NAMESPACE/NAME, Origin is where the overrider was written.
	Policy string
	Origin manifest.Origin
	// Path is the field, in the notation of RFC 6901.
	Path string
}

// Override changes an object for one cluster as all policies together want it.
func (s *Set) Override(object *unstructured.Unstructured, target Target) ([]Change, error) {
	var changes []Change
	for _, v := range s.overridesOf(object) {
		for _, r := range v.rules {
			if r.TargetCluster != nil && !matches(target, *r.TargetCluster) {
				continue
			}
			changed, err := v.apply(r, object)
			if err != nil {
				return nil, err
			}
			changes = append(changes, changed...)
		}
	}
	return changes, nil
}

// overridesOf are the policies for an object, in the order in which they are
// applied: the last one wins. Those for all namespaces come first, then those in
// the object's; of each, the more closely one's selectors match, the later.
func (s *Set) overridesOf(object *unstructured.Unstructured) []*override {
	match := func(v *override) precision {
		if len(v.spec.ResourceSelectors) == 0 {
			return byKind
		}
		return precisionOf(object, v.spec.ResourceSelectors)
	}
	found := slices.DeleteFunc(slices.Clone(s.overrides), func(v *override) bool {
		return match(v) == mismatch || !clusterScoped(v.kind) && v.object.GetNamespace() != object.GetNamespace()
	})
	slices.SortStableFunc(found, func(a, b *override) int {
		if scope := clusterScoped(a.kind); scope != clusterScoped(b.kind) {
			if scope {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(match(a), match(b)), cmp.Compare(a.object.GetName(), b.object.GetName()))
	})
	return found
}

// apply applies one rule, its overriders in Karmada's order.
func (o *override) apply(r rule, object *unstructured.Unstructured) ([]Change, error) {
	p := patcher{override: o, object: object}
	each(&p, r.overriders.Child("imageOverrider"), r.Overriders.ImageOverrider, images)
	each(&p, r.overriders.Child("commandOverrider"), r.Overriders.CommandOverrider, words("command"))
	each(&p, r.overriders.Child("argsOverrider"), r.Overriders.ArgsOverrider, words("args"))
	each(&p, r.overriders.Child("labelsOverrider"), r.Overriders.LabelsOverrider, pairs("labels"))
	each(&p, r.overriders.Child("annotationsOverrider"), r.Overriders.AnnotationsOverrider, pairs("annotations"))
	each(&p, r.overriders.Child("fieldOverrider"), r.Overriders.FieldOverrider, text)
	each(&p, r.plaintext, r.Overriders.Plaintext, func(_ *unstructured.Unstructured, v policyv1alpha1.PlaintextOverrider) ([]operation, error) {
		return []operation{{string(v.Operator), v.Path, v.Value}}, nil
	})
	return p.changes, p.err
}

// replicasField is where a kind has the number that Karmada divides.
func replicasField(kind string) string {
	if kind == "Job" {
		return "/spec/parallelism"
	}
	return "/spec/replicas"
}

// sets says whether an operation at a path is one on a field, or on what has it.
func sets(path, field string) bool { return path == field || strings.HasPrefix(field, path+"/") }
