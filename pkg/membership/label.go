package membership

import (
	"fmt"
	"maps"
	"slices"
)

// LabelRequest is which labels of which members change.
type LabelRequest struct {
	Fleet string
	// Names are member names, context names and globs.
	Names []string
	// Set and Remove are what ParseLabels gives.
	Set    map[string]string
	Remove []string
	// Overwrite lets a label that is there get another value.
	Overwrite bool
	// Members lists those that are in the fleet.
	Members Lister
}

// Label changes the labels of members. It is a *RefusedError if a label has
// another value and Overwrite is not set.
func (f *FleetFile) Label(r LabelRequest) (Plan, error) {
	plan := Plan{Fleet: r.Fleet}
	chosen, err := f.choose(r.Fleet, r.Names, r.Members)
	if err != nil {
		return plan, err
	}
	for _, at := range chosen.members {
		name := chosen.listed[at].Name
		before := f.config.Fleets[chosen.fleet].Members[at]
		after := before
		after.Labels = maps.Clone(before.Labels)
		if after.Labels == nil {
			after.Labels = map[string]string{}
		}
		for _, key := range slices.Sorted(maps.Keys(r.Set)) {
			if value, set := after.Labels[key]; set && value != r.Set[key] && !r.Overwrite {
				return plan, &RefusedError{fmt.Errorf("member %s has the label %s=%s already, and --overwrite is not given", name, key, value)}
			}
			after.Labels[key] = r.Set[key]
		}
		for _, key := range r.Remove {
			delete(after.Labels, key)
		}
		plan.Changes = append(plan.Changes, memberChange(r.Fleet, name, &before, &after))
		if err := f.setMember(chosen.fleet, at, after); err != nil {
			return plan, err
		}
	}
	return plan, nil
}
