package render

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

// TargetOf is a cluster as policies see it. What Karmada has fields for, an
// inventory has as labels.
func TargetOf(c inventory.Cluster) policy.Target {
	t := policy.Target{
		Name: c.Name, Labels: c.Labels, Provider: c.Labels["provider"],
		Region: cmp.Or(c.Labels["region"], c.Labels["topology.kubernetes.io/region"]),
	}
	if zone := cmp.Or(c.Labels["zone"], c.Labels["topology.kubernetes.io/zone"]); zone != "" {
		t.Zones = []string{zone}
	}
	return t
}

// TargetsOf are clusters as policies see them.
func TargetsOf(clusters []inventory.Cluster) []policy.Target {
	targets := make([]policy.Target, len(clusters))
	for i, c := range clusters {
		targets[i] = TargetOf(c)
	}
	return targets
}

// place leaves each cluster the objects that the policies bring there.
func (x *renderer) place() error {
	if x.Policies == nil {
		return nil
	}
	targets := TargetsOf(x.Clusters)
	for _, s := range x.scenes {
		kept := s.objects[:0:0]
		for _, o := range s.objects {
			placement, err := x.Policies.Place(o.Object, targets)
			if err != nil {
				return err
			}
			for _, note := range placement.Notes {
				x.note("%s", note)
			}
			if slices.ContainsFunc(placement.Targets, func(t policy.Target) bool { return t.Name == s.Name }) {
				o.placement = &placement
				kept = append(kept, o)
			}
		}
		s.objects = kept
	}
	return nil
}

// policies makes the objects different as the override policies say.
func (x *renderer) policies() error {
	if x.Policies == nil {
		return nil
	}
	for _, s := range x.scenes {
		target := TargetOf(s.Cluster)
		for _, o := range s.objects {
			o.own()
			changes, err := x.Policies.Override(o.Unstructured, target)
			if err != nil {
				return err
			}
			for _, c := range changes {
				o.overridden = append(o.overridden, overridden{c.Path, fmt.Sprintf("%s: %s", c.Origin, c.Policy)})
			}
		}
	}
	return nil
}

// divided says how a policy divides a workload; nil if it does not.
func divided(parts []part) *policy.Placement {
	for _, p := range parts {
		if p.placement != nil && p.placement.Division != policy.Duplicated {
			return p.placement
		}
	}
	return nil
}

// weightsOf are those of a policy, in the form of the flag's.
func weightsOf(p *policy.Placement) []weight.Weight {
	var weights []weight.Weight
	for _, t := range p.Targets {
		weights = append(weights, weight.Weight{Cluster: t.Name, Weight: p.Weights[t.Name]})
	}
	return weights
}

// withdraw takes an object from a cluster: a policy that gives it no replicas does
// not bring it there at all.
func (p part) withdraw() {
	p.scene.objects = slices.DeleteFunc(p.scene.objects, func(o *object) bool { return o == p.object })
}

// ByFree says whether any replicas are divided by what is free.
func (r Request) ByFree() bool {
	if r.Division.ByFree {
		return true
	}
	if r.Policies == nil {
		return false
	}
	targets := TargetsOf(r.Clusters)
	return slices.ContainsFunc(r.Objects, func(o manifest.Object) bool {
		placement, err := r.Policies.Place(o, targets)
		return err == nil && placement.Division == policy.ByFree && divides(o.GroupVersionKind().GroupKind())
	})
}
