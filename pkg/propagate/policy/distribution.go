package policy

import (
	"strconv"
	"strings"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// distributionPolicy is the shape in which articles on Kurator write what
// Karmada has as PropagationPolicy. No cluster has the kind.
type distributionPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ResourceSelectors []policyv1alpha1.ResourceSelector `json:"resourceSelectors"`
		Placement         struct {
			policyv1alpha1.Placement `json:",inline"`
			ResourceConstraints      []resourceConstraint `json:"resourceConstraints"`
			Preference               []hardwarePreference `json:"preference"`
		} `json:"placement"`
	} `json:"spec"`
}

type resourceConstraint struct {
	Name         string             `json:"name"`
	Requirements []Expression       `json:"requirements"`
	MinQuantity  *resource.Quantity `json:"minQuantity"`
}

type hardwarePreference struct {
	Weight     int32      `json:"weight"`
	Preference Expression `json:"preference"`
}

// distributionOverride is the OverridePolicy of the same shape.
type distributionOverride struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ResourceSelectors []policyv1alpha1.ResourceSelector `json:"resourceSelectors"`
		OverrideRules     []struct {
			TargetClusters *policyv1alpha1.ClusterAffinity `json:"targetClusters"`
			Overrides      []struct {
				Path     string                           `json:"path"`
				Operator policyv1alpha1.OverriderOperator `json:"operator"`
				Value    apiextensionsv1.JSON             `json:"value"`
			} `json:"overrides"`
		} `json:"overrideRules"`
	} `json:"spec"`
}

// distribution reads a DistributionPolicy as the PropagationPolicy that it
// means, and the hardware that it asks for.
func (f *form) distribution() *propagation {
	var d distributionPolicy
	if !f.decode(&d) {
		return nil
	}
	p := &propagation{form: f, kind: policyv1alpha1.ResourceKindPropagationPolicy, translated: true}
	p.spec = policyv1alpha1.PropagationSpec{ResourceSelectors: d.Spec.ResourceSelectors, Placement: d.Spec.Placement.Placement}
	// What divides says so by how; Karmada wants to be told that it does.
	if r := p.spec.Placement.ReplicaScheduling; r != nil && r.ReplicaSchedulingType == "" {
		r.ReplicaSchedulingType = policyv1alpha1.ReplicaSchedulingTypeDivided
		if r.ReplicaDivisionPreference == "" {
			r.ReplicaDivisionPreference = policyv1alpha1.ReplicaDivisionPreferenceWeighted
		}
	}
	p.hardware = f.hardware(p, d.Spec.Placement.ResourceConstraints, d.Spec.Placement.Preference)
	return p
}

// distributionOverride reads the OverridePolicy of that shape as Karmada's.
func (f *form) distributionOverride() *override {
	var d distributionOverride
	if !f.decode(&d) {
		return nil
	}
	o := &override{form: f, kind: policyv1alpha1.ResourceKindOverridePolicy, translated: true}
	o.spec.ResourceSelectors = d.Spec.ResourceSelectors
	for i, r := range d.Spec.OverrideRules {
		at := manifest.Path{"spec", "overrideRules", i}
		one := policyv1alpha1.RuleWithCluster{TargetCluster: r.TargetClusters}
		for _, v := range r.Overrides {
			op := v.Operator
			if op == "" {
				op = operatorOf(v.Path)
			}
			one.Overriders.Plaintext = append(one.Overriders.Plaintext, policyv1alpha1.PlaintextOverrider{Path: v.Path, Operator: op, Value: v.Value})
		}
		o.spec.OverrideRules = append(o.spec.OverrideRules, one)
		o.rules = append(o.rules, rule{one, at.Child("targetClusters"), at, at.Child("overrides")})
	}
	return o
}

// operatorOf is what "this path has that value" is as a JSON patch: a field is
// set whether it is there or not, an item of a list takes the place of the one
// that is there.
func operatorOf(path string) policyv1alpha1.OverriderOperator {
	if _, err := strconv.Atoi(path[strings.LastIndexByte(path, '/')+1:]); err == nil {
		return policyv1alpha1.OverriderOpReplace
	}
	return policyv1alpha1.OverriderOpAdd
}
