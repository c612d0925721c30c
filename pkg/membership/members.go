package membership

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// The fields of v1alpha1.FleetConfig that hold one another.
const (
	fieldFleets  = "fleets"
	fieldMembers = "members"
)

// Lister lists the members of a fleet in the order in which it has them, with
// the names that commands know them by.
type Lister func(*v1alpha1.Fleet) ([]inventory.Cluster, error)

// fleet is the index of a fleet; -1 if there is none.
func (f *FleetFile) fleet(name string) int {
	return slices.IndexFunc(f.config.Fleets, func(fleet v1alpha1.Fleet) bool { return fleet.Name == name })
}

// addFleet adds a fleet without members and returns its index.
func (f *FleetFile) addFleet(name string) (int, error) {
	if errs := validation.IsValidLabelValue(name); name == "" || len(errs) > 0 {
		return 0, fmt.Errorf("a fleet cannot be called %q: letters, digits, '-', '_' and '.', at most 63, a letter or digit first and last", name)
	}
	if err := f.edited(f.doc.insert(nil, fieldFleets, []field{{"name", name}})); err != nil {
		return 0, err
	}
	f.config.Fleets = append(f.config.Fleets, v1alpha1.Fleet{Name: name})
	return len(f.config.Fleets) - 1, nil
}

// addMember adds a member at the end of a fleet.
func (f *FleetFile) addMember(fleet int, m v1alpha1.Member) error {
	in := &f.config.Fleets[fleet]
	if err := f.edited(f.doc.insert(path{fieldFleets, fleet}, fieldMembers, fieldsOf(v1alpha1.Member{}, m))); err != nil {
		return err
	}
	in.Members = append(in.Members, m)
	return nil
}

// setMember gives a member other values.
func (f *FleetFile) setMember(fleet, member int, m v1alpha1.Member) error {
	at := &f.config.Fleets[fleet].Members[member]
	fields := fieldsOf(*at, m)
	if len(fields) == 0 {
		return nil
	}
	if err := f.edited(f.doc.update(path{fieldFleets, fleet, fieldMembers, member}, fields)); err != nil {
		return err
	}
	*at = m
	return nil
}

// dropMember takes a member out of a fleet.
func (f *FleetFile) dropMember(fleet, member int) error {
	in := &f.config.Fleets[fleet]
	if err := f.edited(f.doc.drop(path{fieldFleets, fleet}, fieldMembers, member)); err != nil {
		return err
	}
	in.Members = slices.Delete(slices.Clone(in.Members), member, member+1)
	return nil
}

// edited names the file in an error of changing its text.
func (f *FleetFile) edited(err error) error {
	if err != nil {
		return fmt.Errorf("fleet file %s: %w", f.path, err)
	}
	return nil
}

// fieldsOf are the fields that differ from what they were, in the order in which
// a person reads them.
func fieldsOf(was, is v1alpha1.Member) []field {
	var fields []field
	add := func(name, was, is string) {
		switch {
		case was == is:
		case is == "":
			fields = append(fields, field{name, nil})
		default:
			fields = append(fields, field{name, is})
		}
	}
	add("name", was.Name, is.Name)
	add("context", was.Context, is.Context)
	switch {
	case maps.Equal(was.Labels, is.Labels):
	case len(is.Labels) == 0:
		fields = append(fields, field{"labels", nil})
	default:
		fields = append(fields, field{"labels", is.Labels})
	}
	add("server", was.Server, is.Server)
	add("clusterUID", was.ClusterUID, is.ClusterUID)
	return fields
}

// memberChange tells what becomes of a member.
func memberChange(fleet, name string, before, after *v1alpha1.Member) v1alpha1.MemberChange {
	switch {
	case before == nil:
		return newChange(fleet, name, v1alpha1.MemberJoins, nil, after)
	case after == nil:
		return newChange(fleet, name, v1alpha1.MemberLeaves, before, nil)
	case len(fieldsOf(*before, *after)) == 0:
		return newChange(fleet, name, v1alpha1.MemberUnchanged, before, after)
	}
	return newChange(fleet, name, v1alpha1.MemberUpdated, before, after)
}
