package policy

import (
	"slices"
	"strings"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// complete fills in what Karmada's webhook fills in.
func (p *propagation) complete() {
	p.completeSelectors(p.kind, p.spec.ResourceSelectors)
	placement := &p.spec.Placement
	for i := range placement.SpreadConstraints {
		c := &placement.SpreadConstraints[i]
		if c.SpreadByField == "" && c.SpreadByLabel == "" {
			c.SpreadByField = policyv1alpha1.SpreadByFieldCluster
		}
		if c.MinGroups == 0 {
			c.MinGroups = 1
		}
	}
	if r := placement.ReplicaScheduling; r != nil {
		if r.ReplicaSchedulingType == "" {
			r.ReplicaSchedulingType = policyv1alpha1.ReplicaSchedulingTypeDivided
		}
		if r.ReplicaSchedulingType == policyv1alpha1.ReplicaSchedulingTypeDivided && r.ReplicaDivisionPreference == "" {
			r.ReplicaDivisionPreference = policyv1alpha1.ReplicaDivisionPreferenceWeighted
		}
	}
}

// check finds what Karmada's schema and webhook refuse, and what its controllers
// would never come to terms with. What has a meaning on a hub alone is checked
// there.
func (p *propagation) check() {
	if len(p.spec.ResourceSelectors) == 0 {
		p.wrong(manifest.Path{"spec", "resourceSelectors"}, "nothing is selected")
	}
	p.selectors(p.kind, p.spec.ResourceSelectors)
	p.placement()
	spec := manifest.Path{"spec"}
	p.oneOf(spec.Child("preemption"), string(p.spec.Preemption), "", string(policyv1alpha1.PreemptAlways), string(policyv1alpha1.PreemptNever))
	p.oneOf(spec.Child("conflictResolution"), string(p.spec.ConflictResolution), "", string(policyv1alpha1.ConflictAbort), string(policyv1alpha1.ConflictOverwrite))
	p.oneOf(spec.Child("activationPreference"), string(p.spec.ActivationPreference), "", string(policyv1alpha1.LazyActivation))
}

func (p *propagation) placement() {
	at, placement := manifest.Path{"spec", "placement"}, p.spec.Placement
	if placement.ClusterAffinity != nil && placement.ClusterAffinities != nil {
		p.wrong(at.Child("clusterAffinities"), "clusterAffinity is there, too: take one of them out")
	}
	if placement.ClusterAffinity != nil {
		p.affinity(at.Child("clusterAffinity"), *placement.ClusterAffinity)
	}
	names := map[string]bool{}
	for i, term := range placement.ClusterAffinities {
		here := at.Child("clusterAffinities", i)
		p.affinityName(here, term.AffinityName, names)
		p.affinity(here, term.ClusterAffinity)
		for j, overflow := range term.OverflowAffinities {
			p.affinityName(here.Child("overflowAffinities", j), overflow.AffinityName, names)
			p.affinity(here.Child("overflowAffinities", j), overflow.ClusterAffinity)
		}
	}
	p.spreadConstraints(at.Child("spreadConstraints"), placement.SpreadConstraints)
	if placement.ReplicaScheduling != nil {
		p.division(at.Child("replicaScheduling"), *placement.ReplicaScheduling)
	}
}

func (p *propagation) affinityName(at manifest.Path, name string, taken map[string]bool) {
	at = at.Child("affinityName")
	reasons := content.IsLabelKey(name)
	if len(name) > 32 {
		reasons = append(reasons, "must be no more than 32 characters")
	}
	if len(reasons) > 0 {
		p.wrong(at, "%q: %s", name, strings.Join(reasons, "; "))
	}
	if taken[name] {
		p.wrong(at, "%q is the name of another group", name)
	}
	taken[name] = true
}

func (p *propagation) spreadConstraints(at manifest.Path, constraints []policyv1alpha1.SpreadConstraint) {
	taken := map[policyv1alpha1.SpreadFieldValue]bool{}
	for i, c := range constraints {
		here := at.Child(i)
		if c.SpreadByField != "" && c.SpreadByLabel != "" {
			p.wrong(here.Child("spreadByLabel"), "spreadByField is there, too: take one of them out")
		}
		p.oneOf(here.Child("spreadByField"), string(c.SpreadByField), "", string(policyv1alpha1.SpreadByFieldCluster),
			string(policyv1alpha1.SpreadByFieldRegion), string(policyv1alpha1.SpreadByFieldZone), string(policyv1alpha1.SpreadByFieldProvider))
		if c.MinGroups < 0 {
			p.wrong(here.Child("minGroups"), "it is %d, and there are no negative numbers of groups", c.MinGroups)
		}
		if c.MaxGroups < 0 {
			p.wrong(here.Child("maxGroups"), "it is %d, and there are no negative numbers of groups", c.MaxGroups)
		}
		if c.MaxGroups > 0 && c.MaxGroups < c.MinGroups {
			p.wrong(here.Child("maxGroups"), "it is %d, and minGroups is %d", c.MaxGroups, c.MinGroups)
		}
		if c.SpreadByField != "" && taken[c.SpreadByField] {
			p.wrong(here.Child("spreadByField"), "%s has a constraint already", c.SpreadByField)
		}
		if c.SpreadByField != "" {
			taken[c.SpreadByField] = true
		}
	}
	if len(taken) > 0 && !taken[policyv1alpha1.SpreadByFieldCluster] {
		p.wrong(at, "none of them is by cluster, and Karmada wants one that is")
	}
}

func (p *propagation) division(at manifest.Path, r policyv1alpha1.ReplicaSchedulingStrategy) {
	p.oneOf(at.Child("replicaSchedulingType"), string(r.ReplicaSchedulingType),
		string(policyv1alpha1.ReplicaSchedulingTypeDuplicated), string(policyv1alpha1.ReplicaSchedulingTypeDivided))
	p.oneOf(at.Child("replicaDivisionPreference"), string(r.ReplicaDivisionPreference), "",
		string(policyv1alpha1.ReplicaDivisionPreferenceAggregated), string(policyv1alpha1.ReplicaDivisionPreferenceWeighted))
	if r.ReplicaSchedulingType == policyv1alpha1.ReplicaSchedulingTypeDuplicated && r.ReplicaDivisionPreference != "" {
		p.note(at.Child("replicaDivisionPreference"), "it means nothing with Duplicated: each cluster gets all replicas")
	}
	if r.WeightPreference == nil {
		return
	}
	at = at.Child("weightPreference")
	if r.ReplicaDivisionPreference != policyv1alpha1.ReplicaDivisionPreferenceWeighted {
		p.note(at, "weights mean nothing here: they are for Divided by Weighted")
	}
	p.oneOf(at.Child("dynamicWeight"), string(r.WeightPreference.DynamicWeight), "", string(policyv1alpha1.DynamicWeightByAvailableReplicas))
	if r.WeightPreference.DynamicWeight != "" && len(r.WeightPreference.StaticWeightList) > 0 {
		p.note(at.Child("staticWeightList"), "dynamicWeight is there, too, and goes before it")
	}
	for i, w := range r.WeightPreference.StaticWeightList {
		here := at.Child("staticWeightList", i)
		p.affinity(here.Child("targetCluster"), w.TargetCluster)
		if w.Weight < 1 {
			p.wrong(here.Child("weight"), "it is %d, and the least weight is 1", w.Weight)
		}
	}
}

// completeSelectors: a policy in a namespace is for what is there.
func (f *form) completeSelectors(kind string, selectors []policyv1alpha1.ResourceSelector) {
	if clusterScoped(kind) {
		return
	}
	for i := range selectors {
		if selectors[i].Namespace == "" {
			selectors[i].Namespace = f.object.GetNamespace()
		}
	}
}

func (f *form) selectors(kind string, selectors []policyv1alpha1.ResourceSelector) {
	for i, s := range selectors {
		at := manifest.Path{"spec", "resourceSelectors", i}
		if s.APIVersion == "" {
			f.wrong(at.Child("apiVersion"), "it is missing")
		}
		if s.Kind == "" {
			f.wrong(at.Child("kind"), "it is missing")
		}
		if ns := f.object.GetNamespace(); !clusterScoped(kind) && s.Namespace != ns {
			f.wrong(at.Child("namespace"), "it is %s, and the policy is in %q: only a Cluster%s is for several namespaces", s.Namespace, ns, kind)
		}
		f.labelSelector(at.Child("labelSelector"), s.LabelSelector)
		if s.Name != "" && s.LabelSelector != nil {
			f.note(at.Child("labelSelector"), "it means nothing beside a name")
		}
	}
}

// affinity checks which clusters are meant.
func (f *form) affinity(at manifest.Path, a policyv1alpha1.ClusterAffinity) {
	f.labelSelector(at.Child("labelSelector"), a.LabelSelector)
	if a.FieldSelector == nil {
		return
	}
	for i, r := range a.FieldSelector.MatchExpressions {
		here := at.Child("fieldSelector", "matchExpressions", i)
		f.oneOf(here.Child("key"), r.Key, string(policyv1alpha1.SpreadByFieldProvider), string(policyv1alpha1.SpreadByFieldRegion), string(policyv1alpha1.SpreadByFieldZone))
		f.oneOf(here.Child("operator"), string(r.Operator), string(corev1.NodeSelectorOpIn), string(corev1.NodeSelectorOpNotIn))
		if len(r.Values) == 0 {
			f.wrong(here.Child("values"), "none is named")
		}
	}
}

func (f *form) labelSelector(at manifest.Path, s *metav1.LabelSelector) {
	if _, err := metav1.LabelSelectorAsSelector(s); err != nil {
		f.wrong(at, "%w", err)
	}
}

// oneOf checks a value of which there are few.
func (f *form) oneOf(at manifest.Path, value string, known ...string) {
	if slices.Contains(known, value) {
		return
	}
	said := strings.Join(slices.DeleteFunc(known, func(s string) bool { return s == "" }), ", ")
	if value == "" {
		f.wrong(at, "it is missing: %s", said)
		return
	}
	f.wrong(at, "it is %q, and has to be one of %s", value, said)
}
