package hub

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// group is templates that one policy brings to clusters.
type group struct {
	namespace string
	clusters  []string
	divided   bool
	selectors []policyv1alpha1.ResourceSelector
}

// placements make the policies that bring templates to clusters: one for each
// namespace, and one for what is in none. Each names its objects, since a name
// goes before every other policy's selectors.
func (p *planner) placements(templates []*template) ([]manifest.Object, error) {
	var groups []*group
	for _, t := range templates {
		if isNamespace(t.GroupVersionKind()) {
			continue // Karmada brings every namespace to every cluster
		}
		at := slices.IndexFunc(groups, func(g *group) bool {
			return g.namespace == t.GetNamespace() && g.divided == t.divided && slices.Equal(g.clusters, t.clusters)
		})
		if at < 0 {
			at = len(groups)
			groups = append(groups, &group{namespace: t.GetNamespace(), clusters: t.clusters, divided: t.divided})
		}
		groups[at].selectors = append(groups[at].selectors, selectorOf(t))
	}
	policies := make([]manifest.Object, 0, len(groups))
	for _, g := range groups {
		o, err := p.placement(g)
		if err != nil {
			return nil, err
		}
		policies = append(policies, o)
	}
	return policies, nil
}

func (p *planner) placement(g *group) (manifest.Object, error) {
	spec := policyv1alpha1.PropagationSpec{
		ResourceSelectors: g.selectors,
		Placement:         policyv1alpha1.Placement{ClusterAffinity: &policyv1alpha1.ClusterAffinity{ClusterNames: g.clusters}},
	}
	name := p.options.Set
	if g.divided {
		name += "-divided"
		spec.Placement.ReplicaScheduling = p.division(g.clusters)
	}
	if len(g.clusters) < len(p.known) {
		name += "-" + short(strings.Join(g.clusters, ","))
	}
	if p.options.TakeOver {
		spec.ConflictResolution = policyv1alpha1.ConflictOverwrite
	}
	var made any = &policyv1alpha1.PropagationPolicy{TypeMeta: typed(policyv1alpha1.ResourceKindPropagationPolicy), ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: g.namespace}, Spec: spec}
	if g.namespace == "" {
		made = &policyv1alpha1.ClusterPropagationPolicy{TypeMeta: typed(policyv1alpha1.ResourceKindClusterPropagationPolicy), ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	}
	return asManifest(made)
}

// division is that of replicas by weights.
func (p *planner) division(clusters []string) *policyv1alpha1.ReplicaSchedulingStrategy {
	var list []policyv1alpha1.StaticClusterWeight
	for _, c := range clusters {
		if w := p.weights[c]; w > 0 {
			list = append(list, policyv1alpha1.StaticClusterWeight{TargetCluster: policyv1alpha1.ClusterAffinity{ClusterNames: []string{c}}, Weight: w})
		}
	}
	return &policyv1alpha1.ReplicaSchedulingStrategy{
		ReplicaSchedulingType:     policyv1alpha1.ReplicaSchedulingTypeDivided,
		ReplicaDivisionPreference: policyv1alpha1.ReplicaDivisionPreferenceWeighted,
		WeightPreference:          &policyv1alpha1.ClusterPreferences{StaticWeightList: list},
	}
}

// differences make the policies by which clusters get something else than the
// template: one for each template of which some do.
func (p *planner) differences(templates []*template) ([]manifest.Object, error) {
	var policies []manifest.Object
	for _, t := range templates {
		ref := set.RefOf(t.Unstructured)
		name := p.overrideName(ref)
		p.overrides = append(p.overrides, name)
		var rules []policyv1alpha1.RuleWithCluster
		for _, v := range t.variants {
			if len(v.patches) == 0 {
				continue
			}
			change, err := overriders(v.patches)
			if err != nil {
				return nil, err
			}
			rules = append(rules, policyv1alpha1.RuleWithCluster{TargetCluster: &policyv1alpha1.ClusterAffinity{ClusterNames: []string{v.cluster}}, Overriders: change})
			p.overridden[overrideKey{ref.String(), v.cluster}] = appliedOverride{Policy: name, Overriders: change}
		}
		if len(rules) == 0 {
			continue
		}
		spec := policyv1alpha1.OverrideSpec{ResourceSelectors: []policyv1alpha1.ResourceSelector{selectorOf(t)}, OverrideRules: rules}
		var made any = &policyv1alpha1.OverridePolicy{TypeMeta: typed(policyv1alpha1.ResourceKindOverridePolicy), ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ref.Namespace}, Spec: spec}
		if ref.Namespace == "" {
			made = &policyv1alpha1.ClusterOverridePolicy{TypeMeta: typed(policyv1alpha1.ResourceKindClusterOverridePolicy), ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
		}
		o, err := asManifest(made)
		if err != nil {
			return nil, err
		}
		policies = append(policies, o)
	}
	return policies, nil
}

// overrideName is that of the policy by which clusters differ in a template.
func (p *Plan) overrideName(ref set.Ref) string {
	return p.options.Set + "-" + short(ref.GroupKind().String()+"/"+ref.Namespace+"/"+ref.Name)
}

func selectorOf(t *template) policyv1alpha1.ResourceSelector {
	return policyv1alpha1.ResourceSelector{APIVersion: t.GetAPIVersion(), Kind: t.GetKind(), Namespace: t.GetNamespace(), Name: t.GetName()}
}

func typed(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: policyv1alpha1.GroupVersion.String(), Kind: kind}
}

func asManifest(policy any) (manifest.Object, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(policy)
	if err != nil {
		return manifest.Object{}, err
	}
	unstructured.RemoveNestedField(fields, "metadata", "creationTimestamp")
	return manifest.Object{Unstructured: &unstructured.Unstructured{Object: fields}, Origin: manifest.Origin{Source: "a policy for the hub"}}, nil
}

// short is a name for what is too long for one.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:5])
}
