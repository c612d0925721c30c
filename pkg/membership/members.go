package membership

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

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

// ValidateFleet says why there can be no fleet of that name, if it is not there.
func (f *FleetFile) ValidateFleet(name string) error {
	errs := validation.IsValidLabelValue(name)
	if f.fleet(name) >= 0 || (name != "" && len(errs) == 0) {
		return nil
	}
	return fmt.Errorf("a fleet cannot be called %q: letters, digits, '-', '_' and '.', at most 63, a letter or digit first and last", name)
}

// addFleet adds a fleet without members and returns its index.
func (f *FleetFile) addFleet(name string) (int, error) {
	if err := f.ValidateFleet(name); err != nil {
		return 0, err
	}
	f.config.Fleets = append(f.config.Fleets, v1alpha1.Fleet{Name: name})
	return len(f.config.Fleets) - 1, f.edited(f.doc.insert(nil, fieldFleets, []field{{"name", name}}))
}

// addMember adds a member at the end of a fleet.
func (f *FleetFile) addMember(fleet int, m v1alpha1.Member) error {
	in := &f.config.Fleets[fleet]
	in.Members = append(in.Members, m)
	return f.edited(f.doc.insert(path{fieldFleets, fleet}, fieldMembers, fieldsOf(v1alpha1.Member{}, m)))
}

// setMember gives a member other values.
func (f *FleetFile) setMember(fleet, member int, m v1alpha1.Member) error {
	at := &f.config.Fleets[fleet].Members[member]
	fields := fieldsOf(*at, m)
	if len(fields) == 0 {
		return nil
	}
	*at = m
	return f.edited(f.doc.update(path{fieldFleets, fleet, fieldMembers, member}, fields))
}

// dropMember takes a member out of a fleet.
func (f *FleetFile) dropMember(fleet, member int) error {
	in := &f.config.Fleets[fleet]
	in.Members = slices.Delete(slices.Clone(in.Members), member, member+1)
	return f.edited(f.doc.drop(path{fieldFleets, fleet}, fieldMembers, member))
}

// edited ends a change of the file's text: it must mean now what the file is to
// mean. It may not where fields are written in ways that are read all the same,
// such as in capitals.
func (f *FleetFile) edited(err error) error {
	if err == nil {
		config := &v1alpha1.FleetConfig{}
		if err = yaml.Unmarshal(f.doc.text, config); err == nil && !equality.Semantic.DeepEqual(config, f.config) {
			err = errors.New("it is written in a way in which it cannot be changed safely; change it by hand")
		}
	}
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
