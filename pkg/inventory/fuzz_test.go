package inventory_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// A fleet file that is taken has what commands rely on: names, and contexts.
func FuzzParseFleetFile(f *testing.F) {
	const head = "apiVersion: kubectl-fleet.io/v1alpha1\nkind: FleetConfig\n"
	f.Add([]byte(head + "currentFleet: a\nfleets:\n- name: a\n  members: [{context: x, name: y, labels: {a: b}}]\n"))
	f.Add([]byte(head + "fleets: [{name: a, members: [{context: x}, null]}, null]\n"))
	f.Add([]byte(head + "fleets: {}\n"))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Add([]byte(head + "---\n" + head))
	f.Fuzz(func(t *testing.T, text []byte) {
		config, _, err := inventory.ParseFleetFile("f", text)
		if err != nil {
			return
		}
		for _, fleet := range config.Fleets {
			if fleet.Name == "" {
				t.Error("a fleet without a name")
			}
			for _, m := range fleet.Members {
				if m.Context == "" || m.Name != "" && inventory.ValidateName(m.Name) != nil {
					t.Errorf("member %+v", m)
				}
			}
		}
	})
}

// Whatever -C says: what is selected is of the clusters that there are, in their
// order, each once; and what is excluded is not.
func FuzzSelect(f *testing.F) {
	for _, text := range []string{"east", "^east", "*", "prod-*,^prod-old", "[", "a/b", "arn:aws:*", `\`, "*/*,^[^e]*"} {
		f.Add(text)
	}
	clusters := []inventory.Cluster{
		{Name: "east", Context: "admin@east"}, {Name: "west", Context: "a/b", Aliases: []string{"arn:aws:eks:x/y"}}, {Name: "prod-old"},
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, exclude, err := inventory.ParseNames(strings.Split(text, ","))
		if err != nil {
			return
		}
		selected, err := inventory.Selector{Names: names, Exclude: exclude}.Select(clusters)
		if err != nil {
			return
		}
		at := -1
		for _, c := range selected {
			is := slices.IndexFunc(clusters, func(o inventory.Cluster) bool { return o.Name == c.Name })
			if is <= at || slices.Contains(exclude, c.Name) {
				t.Errorf("%q selects %v", text, selected)
			}
			at = is
		}
		if len(selected) == 0 {
			t.Errorf("%q selects nothing, and that is no error", text)
		}
	})
}
