package policy

import (
	"cmp"
	"fmt"
	"slices"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// Division is what becomes of an object's replicas.
type Division string

// Divisions. An object without replicas goes to all clusters as it is.
const (
	// Duplicated gives all replicas to each cluster.
	Duplicated Division = "Duplicated"
	// Weighted divides them by fixed weights.
	Weighted Division = "Weighted"
	// ByFree divides them by how many more would fit in each cluster.
	ByFree Division = "ByFree"
)

// Placement is where an object goes.
type Placement struct {
	// Targets are in the order in which they were given.
	Targets []Target
	Division
	// Weights are, of Weighted, those of each cluster that has any. The others get
	// no replicas.
	Weights map[string]int64
	// Policy is what decided it, as Kind NAMESPACE/NAME; "" where none did.
	Policy string
	// Origin is where the policy says how replicas are divided, or else where it
	// begins.
	Origin manifest.Origin
	Notes  []Note
}

// Place says where an object goes of the clusters that may be meant.
func (s *Set) Place(o manifest.Object, targets []Target) (Placement, error) {
	p := s.choose(o)
	switch {
	// Karmada, too, brings namespaces to all members without being told.
	case p == nil && (len(s.propagations) == 0 || o.GetAPIVersion() == "v1" && o.GetKind() == "Namespace"):
		return Placement{Targets: targets, Division: Duplicated}, nil
	case p == nil:
		return Placement{}, &manifest.Error{Origin: o.Origin, Err: fmt.Errorf("no policy selects %s", o.What())}
	case p.hardware != nil && p.hardware.narrowed == nil:
		return Placement{}, &manifest.Error{Origin: p.object.Origin, Err: errNotNarrowed}
	}
	placement := Placement{Policy: p.what(), Origin: p.lines.Of(manifest.Path{"spec", "placement", "replicaScheduling"}), Division: Duplicated}
	if p.spec.Placement.ReplicaScheduling == nil {
		placement.Origin = p.object.Origin
	}
	var err error
	if placement.Targets, placement.Notes, err = p.targets(targets); err != nil {
		return Placement{}, err
	}
	return placement, p.divide(&placement)
}

// choose is the policy that an object follows. One in the object's namespace goes
// before one for all; then priority, how closely its selectors match, and the
// name decide.
func (s *Set) choose(o manifest.Object) *propagation {
	for _, scope := range []bool{false, true} {
		var best *propagation
		var bestMatch precision
		for _, p := range s.propagations {
			if clusterScoped(p.kind) != scope || !scope && p.object.GetNamespace() != o.GetNamespace() {
				continue
			}
			match := precisionOf(o.Unstructured, p.spec.ResourceSelectors)
			if match == mismatch {
				continue
			}
			if best == nil || cmp.Or(
				cmp.Compare(p.spec.ExplicitPriority(), best.spec.ExplicitPriority()),
				cmp.Compare(match, bestMatch),
				cmp.Compare(best.object.GetName(), p.object.GetName()),
			) > 0 {
				best, bestMatch = p, match
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// group are clusters that may be chosen together.
type group struct {
	affinity policyv1alpha1.ClusterAffinity
	at       manifest.Path
}

// groupsOf are the groups of a placement; those after the first are tried when
// the one before does not do.
func groupsOf(p policyv1alpha1.Placement) []group {
	at := manifest.Path{"spec", "placement"}
	if len(p.ClusterAffinities) == 0 {
		if p.ClusterAffinity == nil {
			return []group{{at: at}}
		}
		return []group{{*p.ClusterAffinity, at.Child("clusterAffinity")}}
	}
	var groups []group
	for i, term := range p.ClusterAffinities {
		groups = append(groups, group{term.ClusterAffinity, at.Child("clusterAffinities", i)})
	}
	return groups
}

// targets are the clusters of the first group that does.
func (p *propagation) targets(all []Target) ([]Target, []Note, error) {
	var notes []Note
	var err error
	for _, g := range groupsOf(p.spec.Placement) {
		for _, name := range g.affinity.ClusterNames {
			if !slices.ContainsFunc(all, func(t Target) bool { return t.Name == name }) {
				notes = append(notes, Note{p.lines.Of(g.at.Child("clusterNames")), fmt.Sprintf("%s is not among the selected clusters", name)})
			}
		}
		affinity := p.hardware.narrow(g.affinity)
		allowed := slices.DeleteFunc(slices.Clone(all), func(t Target) bool { return !matches(t, affinity) })
		if len(allowed) == 0 {
			err = p.lines.Errorf(g.at, "none of the selected clusters is meant")
			continue
		}
		chosen, spread, decided, unfit := p.spread(allowed)
		notes = append(notes, spread...)
		if unfit == nil || !decided {
			return chosen, notes, unfit
		}
		err = unfit
	}
	return nil, nil, err
}

// divide says how the replicas are divided among the targets.
func (p *propagation) divide(placement *Placement) error {
	r := p.spec.Placement.ReplicaScheduling
	if r == nil || r.ReplicaSchedulingType == policyv1alpha1.ReplicaSchedulingTypeDuplicated {
		return nil
	}
	placement.Division = Weighted
	at := manifest.Path{"spec", "placement", "replicaScheduling"}
	var rules []policyv1alpha1.StaticClusterWeight
	switch w := r.WeightPreference; {
	case r.ReplicaDivisionPreference == policyv1alpha1.ReplicaDivisionPreferenceAggregated:
		if len(placement.Targets) > 1 {
			return p.lines.Errorf(at.Child("replicaDivisionPreference"),
				"which of the %d clusters Aggregated fills first is for Karmada's scheduler to say; name one cluster, or divide by weights", len(placement.Targets))
		}
	case w != nil && w.DynamicWeight != "":
		placement.Division = ByFree
		return nil
	case w != nil:
		rules = w.StaticWeightList
	}
	placement.Weights = map[string]int64{}
	for i, rule := range rules {
		found := false
		for _, t := range placement.Targets {
			if matches(t, rule.TargetCluster) {
				found = true
				placement.Weights[t.Name] = max(placement.Weights[t.Name], rule.Weight)
			}
		}
		if !found {
			where := p.lines.Of(at.Child("weightPreference", "staticWeightList", i))
			placement.Notes = append(placement.Notes, Note{where, "the weight is of no cluster that the object goes to"})
		}
	}
	if len(placement.Weights) == 0 {
		// Karmada weighs all the same where it finds no weight.
		for _, t := range placement.Targets {
			placement.Weights[t.Name] = 1
		}
	}
	return nil
}
