package policy

import (
	"slices"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// spread applies the spread constraints as Karmada's scheduler does, as far as
// that does not depend on what only the scheduler knows: it chooses among
// clusters by what is free in them at the moment, and by where the object was
// before. Where it would have to choose, decided is false and the error says so;
// an error that is decided is one that Karmada has, too.
func (p *propagation) spread(allowed []Target) (chosen []Target, notes []Note, decided bool, err error) {
	at := manifest.Path{"spec", "placement", "spreadConstraints"}
	constraints := map[policyv1alpha1.SpreadFieldValue]policyv1alpha1.SpreadConstraint{}
	where := map[policyv1alpha1.SpreadFieldValue]manifest.Path{}
	note := func(path manifest.Path, text string) { notes = append(notes, Note{p.lines.Of(path), text}) }
	for i, c := range p.spec.Placement.SpreadConstraints {
		constraints[c.SpreadByField], where[c.SpreadByField] = c, at.Child(i)
		switch c.SpreadByField {
		case "":
			note(at.Child(i), "Karmada 1.18 does not spread by labels yet: this is not heeded")
			continue
		case policyv1alpha1.SpreadByFieldProvider, policyv1alpha1.SpreadByFieldZone:
			note(at.Child(i), "Karmada 1.18 leaves out clusters without a "+string(c.SpreadByField)+", and does not heed the numbers of groups")
		case policyv1alpha1.SpreadByFieldCluster, policyv1alpha1.SpreadByFieldRegion:
		}
		allowed = slices.DeleteFunc(allowed, func(t Target) bool { return len(t.field(c.SpreadByField)) == 0 })
		if len(allowed) == 0 {
			return nil, notes, true, p.lines.Errorf(at.Child(i), "no cluster that may be meant has a %s", c.SpreadByField)
		}
	}
	if len(constraints) == 0 {
		return allowed, notes, true, nil
	}
	if p.ignoresSpread() {
		note(at, "Karmada does not heed spreadConstraints where replicas are divided by fixed weights")
		return allowed, notes, true, nil
	}
	byCluster, is := constraints[policyv1alpha1.SpreadByFieldCluster]
	if !is {
		return nil, notes, false, p.lines.Errorf(at, "Karmada 1.18 spreads by cluster and region alone, and schedules nothing here")
	}
	clusters := where[policyv1alpha1.SpreadByFieldCluster]
	if byRegion, is := constraints[policyv1alpha1.SpreadByFieldRegion]; is {
		regions := regionsOf(allowed)
		here := where[policyv1alpha1.SpreadByFieldRegion]
		switch {
		case regions < byRegion.MinGroups:
			return nil, notes, true, p.lines.Errorf(here.Child("minGroups"), "it is %d, and the clusters that may be meant are in %d", byRegion.MinGroups, regions)
		case byRegion.MaxGroups == 0:
			return nil, notes, false, p.lines.Errorf(here.Child("maxGroups"), "it is missing, which for Karmada is 0: no region")
		case regions > byRegion.MinGroups:
			return nil, notes, false, p.lines.Errorf(here, "which of the %d regions are chosen is for Karmada's scheduler to say; name the clusters in clusterAffinity", regions)
		}
	}
	switch {
	case len(allowed) < byCluster.MinGroups:
		return nil, notes, true, p.lines.Errorf(clusters.Child("minGroups"), "it is %d, and %d clusters may be meant", byCluster.MinGroups, len(allowed))
	case byCluster.MaxGroups == 0:
		return nil, notes, false, p.lines.Errorf(clusters.Child("maxGroups"), "it is missing, which for Karmada is 0: no cluster")
	case len(allowed) > byCluster.MaxGroups:
		return nil, notes, false, p.lines.Errorf(clusters.Child("maxGroups"),
			"it is %d, and %d clusters may be meant: which of them is for Karmada's scheduler to say; name them in clusterAffinity", byCluster.MaxGroups, len(allowed))
	}
	return allowed, notes, true, nil
}

// ignoresSpread says whether replicas are divided by fixed weights; Karmada takes
// all clusters then.
func (p *propagation) ignoresSpread() bool {
	r := p.spec.Placement.ReplicaScheduling
	return r != nil && r.ReplicaSchedulingType == policyv1alpha1.ReplicaSchedulingTypeDivided &&
		r.ReplicaDivisionPreference == policyv1alpha1.ReplicaDivisionPreferenceWeighted &&
		(r.WeightPreference == nil || len(r.WeightPreference.StaticWeightList) > 0 && r.WeightPreference.DynamicWeight == "")
}

func regionsOf(targets []Target) int {
	regions := map[string]bool{}
	for _, t := range targets {
		regions[t.Region] = true
	}
	return len(regions)
}
