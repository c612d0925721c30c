package inventory_test

import (
	"errors"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

func fleet() []inventory.Cluster {
	return []inventory.Cluster{
		{Name: "prod-eu", Context: "arn:aws:eks:eu:1:cluster/prod", Labels: labels.Set{"env": "prod"}},
		{Name: "prod-us", Context: "ctx/prod/us", Labels: labels.Set{"env": "prod", "tier": "canary"}},
		{Name: "dev", Context: "dev", Labels: labels.Set{"env": "dev"}},
	}
}

func TestSelect(t *testing.T) {
	for _, tc := range []struct {
		clusters []string
		labels   string
		want     []string
	}{
		{nil, "", []string{"prod-eu", "prod-us", "dev"}},
		{[]string{"dev"}, "", []string{"dev"}},
		{[]string{"ctx/prod/us"}, "", []string{"prod-us"}}, // the context's own name
		{[]string{"prod-*"}, "", []string{"prod-eu", "prod-us"}},
		{[]string{"*cluster/pro?"}, "", []string{"prod-eu"}}, // globs cross "/"
		{[]string{"ctx*us"}, "", []string{"prod-us"}},
		{[]string{"^dev"}, "", []string{"prod-eu", "prod-us"}},
		{[]string{"^prod-*"}, "", []string{"dev"}},
		{[]string{"prod-*", "^*us"}, "", []string{"prod-eu"}},
		{[]string{"dev", "prod-eu"}, "", []string{"prod-eu", "dev"}}, // the inventory's order
		{nil, "env=prod,tier!=canary", []string{"prod-eu"}},
		{[]string{"prod-us", "dev"}, "env=dev", []string{"dev"}},
		{[]string{"^nothing-*"}, "", []string{"prod-eu", "prod-us", "dev"}},
	} {
		s := selector(t, tc.clusters, tc.labels)
		got, err := s.Select(fleet())
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if names := namesOf(got); !slices.Equal(names, tc.want) {
			t.Errorf("%s selects %v, want %v", s, names, tc.want)
		}
	}
}

func TestSelectRefusesALiteralThatNamesNoCluster(t *testing.T) {
	for _, typed := range []string{"prod-ue", "^prod-ue"} { // a misspelt exclusion would widen the selection
		s := selector(t, []string{typed}, "")
		_, err := s.Select(fleet())
		var unknown *inventory.UnknownClusterError
		if !errors.As(err, &unknown) || unknown.Name != "prod-ue" {
			t.Errorf("%s: %v, want an UnknownClusterError", typed, err)
			continue
		}
		if !slices.Contains(unknown.Similar, "prod-eu") {
			t.Errorf("%s: suggests %v, want prod-eu", typed, unknown.Similar)
		}
	}
}

func TestSelectRefusesToSelectNothing(t *testing.T) {
	for _, s := range []inventory.Selector{
		selector(t, []string{"stage-*"}, ""),
		selector(t, nil, "env=stage"),
		selector(t, []string{"dev", "^d*"}, ""),
	} {
		_, err := s.Select(fleet())
		var none *inventory.NoneSelectedError
		if !errors.As(err, &none) || none.Listed != 3 {
			t.Errorf("%s: %v, want a NoneSelectedError", s, err)
		}
	}
}

// An exact name never means another cluster as well.
func TestExactNamesComeFirst(t *testing.T) {
	cs := []inventory.Cluster{
		{Name: "east", Context: "admin@east"}, {Name: "east-2", Context: "east"},
		{Name: "dom-user", Context: `DOM\user@c[1]`}, {Name: "x", Context: "DOM"},
	}
	for typed, want := range map[string]string{"east": "east", "admin@east": "east", `DOM\user@c[1]`: "dom-user", "DOM": "x"} {
		got, err := selector(t, []string{typed}, "").Select(cs)
		if err != nil || !slices.Equal(namesOf(got), []string{want}) {
			t.Errorf("%s selects %v, %v, want %s", typed, namesOf(got), err, want)
		}
	}
	if _, err := selector(t, []string{"[a"}, "").Select(cs); err == nil {
		t.Error("a broken pattern is let through")
	}
}

func TestParseNamesRefusesNonsense(t *testing.T) {
	for _, values := range [][]string{{""}, {"a", "^"}} {
		if names, exclude, err := inventory.ParseNames(values); err == nil {
			t.Errorf("%q became %q without %q", values, names, exclude)
		}
	}
}

func TestValidateNames(t *testing.T) {
	if err := inventory.ValidateNames(fleet()); err != nil {
		t.Error(err)
	}
	if err := inventory.ValidateNames(append(fleet(), inventory.Cluster{Name: "dev", Context: "other"})); err == nil {
		t.Error("two clusters called dev are let through")
	}
}

func TestDistinctKeepsTheFirst(t *testing.T) {
	kept, dropped := inventory.Distinct([]inventory.Cluster{
		{Name: "a", Identity: "1"}, {Name: "b", Identity: "2"}, {Name: "c", Identity: "1"}, {Name: "d"}, {Name: "e"},
	})
	if got := namesOf(kept); !slices.Equal(got, []string{"a", "b", "d", "e"}) {
		t.Errorf("kept %v", got)
	}
	if len(dropped) != 1 || dropped[0].Dropped.Name != "c" || dropped[0].Kept.Name != "a" {
		t.Errorf("dropped %v", dropped)
	}
}

func TestPossiblySame(t *testing.T) {
	groups := inventory.PossiblySame([]inventory.Cluster{
		{Name: "a", Ambiguous: "x"}, {Name: "b"}, {Name: "c", Ambiguous: "y"}, {Name: "d", Ambiguous: "x"},
	})
	if len(groups) != 1 || !slices.Equal(namesOf(groups[0]), []string{"a", "d"}) {
		t.Errorf("%v", groups)
	}
}

func selector(t *testing.T, clusters []string, labelSelector string) inventory.Selector {
	t.Helper()
	names, exclude, err := inventory.ParseNames(clusters)
	if err != nil {
		t.Fatal(err)
	}
	s := inventory.Selector{Names: names, Exclude: exclude}
	if labelSelector != "" {
		if s.Labels, err = labels.Parse(labelSelector); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func namesOf(cs []inventory.Cluster) []string {
	var names []string
	for _, c := range cs {
		names = append(names, c.Name)
	}
	return names
}
