package membership

import (
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// Unjoin takes members out of a fleet, by member name, context name or glob. A
// fleet without members stays.
func (f *FleetFile) Unjoin(fleetName string, names []string, list Lister) (Plan, error) {
	plan := Plan{Fleet: fleetName}
	chosen, err := f.choose(fleetName, names, list)
	if err != nil {
		return plan, err
	}
	for _, at := range slices.Backward(chosen.members) { // so that the other indexes stay right
		before := f.config.Fleets[chosen.fleet].Members[at]
		if err := f.dropMember(chosen.fleet, at); err != nil {
			return plan, err
		}
		plan.Changes = append(plan.Changes, memberChange(fleetName, chosen.listed[at].Name, &before, nil))
	}
	slices.Reverse(plan.Changes)
	return plan, nil
}

// choice is some members of a fleet.
type choice struct {
	// fleet indexes the file's fleets, members that fleet's members.
	fleet   int
	members []int
	// listed are all members of the fleet.
	listed []inventory.Cluster
}

// choose finds the members that names, contexts and globs mean.
func (f *FleetFile) choose(fleetName string, names []string, list Lister) (choice, error) {
	fleet, err := f.find(fleetName)
	if err != nil {
		return choice{}, err
	}
	include, exclude, err := inventory.ParseNames(names)
	if err != nil {
		return choice{}, err
	}
	listed, err := list(fleet)
	if err != nil {
		return choice{}, err
	}
	selected, err := inventory.Selector{Names: include, Exclude: exclude}.Select(listed)
	if err != nil {
		return choice{}, err
	}
	c := choice{fleet: f.fleet(fleetName), listed: listed}
	for i := range listed {
		if slices.ContainsFunc(selected, func(s inventory.Cluster) bool { return s.Name == listed[i].Name && s.Context == listed[i].Context }) {
			c.members = append(c.members, i)
		}
	}
	return c, nil
}
