package policy

import (
	"errors"
	"fmt"
	"slices"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// Hardware is what a DistributionPolicy asks of clusters that only they can
// answer. Whoever has asked them narrows the policy to those that qualify, before
// it places anything or goes to a hub.
type Hardware struct {
	Requirements []Requirement
	// Preferences order the clusters that qualify.
	Preferences []Preference

	policy   *propagation
	narrowed []string
}

// Requirement is a resource that a cluster must have free, on nodes of certain
// models.
type Requirement struct {
	Origin manifest.Origin
	// Resource is a name such as nvidia.com/gpu.
	Resource string
	// Models all have to hold for a node that counts.
	Models []Expression
	// Min is the least that has to be free, all such nodes together.
	Min resource.Quantity
}

// Preference is worth its weight where a model is.
type Preference struct {
	Origin manifest.Origin
	Weight int32
	Model  Expression
}

// Expression is true of a node by the model of its accelerator.
type Expression struct {
	// Key is the node label that has the model; "" means the well-known ones.
	Key string `json:"key"`
	// Operator is In or NotIn.
	Operator corev1.NodeSelectorOperator `json:"operator"`
	Values   []string                    `json:"values"`
}

// Policy names the policy that asks, and Origin is where it begins.
func (h *Hardware) Policy() string { return h.policy.what() }

// Origin is where the policy begins.
func (h *Hardware) Origin() manifest.Origin { return h.policy.object.Origin }

// Candidates are the clusters that the policy allows before it is narrowed.
func (h *Hardware) Candidates(targets []Target) []Target {
	var allowed []Target
	groups := groupsOf(h.policy.spec.Placement)
	for _, t := range targets {
		if slices.ContainsFunc(groups, func(g group) bool { return matches(t, g.affinity) }) {
			allowed = append(allowed, t)
		}
	}
	return allowed
}

// Narrow leaves the policy these clusters alone.
func (h *Hardware) Narrow(clusters []string) error {
	if len(clusters) == 0 {
		// Karmada reads an empty list of names as all clusters.
		return &manifest.Error{Origin: h.Origin(), Err: fmt.Errorf("no cluster has the hardware that %s asks for", h.Policy())}
	}
	h.narrowed = clusters
	return nil
}

// Hardware are the demands of all policies. Each wants to be narrowed.
func (s *Set) Hardware() []*Hardware {
	var all []*Hardware
	for _, p := range s.propagations {
		if p.hardware != nil {
			all = append(all, p.hardware)
		}
	}
	return all
}

// narrow is an affinity without the clusters that do not qualify.
func (h *Hardware) narrow(a policyv1alpha1.ClusterAffinity) policyv1alpha1.ClusterAffinity {
	if h == nil || h.narrowed == nil {
		return a
	}
	named := a.ClusterNames
	a.ClusterNames = h.narrowed
	if len(named) == 0 {
		return a
	}
	a.ClusterNames = slices.DeleteFunc(slices.Clone(h.narrowed), func(name string) bool { return !slices.Contains(named, name) })
	if len(a.ClusterNames) == 0 {
		// No names would mean all clusters. These are excluded below, so it is none.
		a.ClusterNames, a.ExcludeClusters = named, slices.Concat(a.ExcludeClusters, named)
	}
	return a
}

// narrowed is the spec with the clusters that qualify.
func (p *propagation) narrowed() *policyv1alpha1.PropagationSpec {
	spec := p.spec.DeepCopy()
	if p.hardware == nil {
		return spec
	}
	if len(spec.Placement.ClusterAffinities) == 0 {
		a := p.hardware.narrow(groupsOf(spec.Placement)[0].affinity)
		spec.Placement.ClusterAffinity = &a
	}
	for i, term := range spec.Placement.ClusterAffinities {
		spec.Placement.ClusterAffinities[i].ClusterAffinity = p.hardware.narrow(term.ClusterAffinity)
	}
	return spec
}

// hardware checks the demands of a policy.
func (f *form) hardware(p *propagation, constraints []resourceConstraint, preferences []hardwarePreference) *Hardware {
	placement := manifest.Path{"spec", "placement"}
	if len(constraints) == 0 {
		if len(preferences) > 0 {
			f.wrong(placement.Child("preference"), "it orders clusters by the hardware of resourceConstraints, and there are none")
		}
		return nil
	}
	h := &Hardware{policy: p}
	for i, c := range constraints {
		at := placement.Child("resourceConstraints", i)
		for _, reason := range content.IsLabelKey(c.Name) {
			f.wrong(at.Child("name"), "%q is not the name of a resource: %s", c.Name, reason)
		}
		least := resource.MustParse("1")
		if c.MinQuantity != nil {
			if least = *c.MinQuantity; least.Sign() <= 0 {
				f.wrong(at.Child("minQuantity"), "it is %s, and has to be more than nothing", least.String())
			}
		}
		for j, e := range c.Requirements {
			f.expression(at.Child("requirements", j), e)
		}
		h.Requirements = append(h.Requirements, Requirement{f.lines.Of(at), c.Name, c.Requirements, least})
	}
	for i, v := range preferences {
		at := placement.Child("preference", i)
		if v.Weight < 1 || v.Weight > 100 {
			f.wrong(at.Child("weight"), "it is %d, and has to be from 1 to 100", v.Weight)
		}
		f.expression(at.Child("preference"), v.Preference)
		h.Preferences = append(h.Preferences, Preference{f.lines.Of(at), v.Weight, v.Preference})
	}
	return h
}

func (f *form) expression(at manifest.Path, e Expression) {
	f.oneOf(at.Child("operator"), string(e.Operator), string(corev1.NodeSelectorOpIn), string(corev1.NodeSelectorOpNotIn))
	if len(e.Values) == 0 {
		f.wrong(at.Child("values"), "none is named")
	}
	if e.Key != "" {
		for _, reason := range content.IsLabelKey(e.Key) {
			f.wrong(at.Child("key"), "%q is not a label: %s", e.Key, reason)
		}
	}
}

// errNotNarrowed is a mistake of the caller: clusters were not asked for
// hardware before objects were placed.
var errNotNarrowed = errors.New("the clusters were not asked for the hardware")
