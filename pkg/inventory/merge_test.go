package inventory_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

func names(cs []inventory.Cluster) []string {
	var list []string
	for _, c := range cs {
		list = append(list, c.Name)
	}
	return list
}

func TestMerge(t *testing.T) {
	contexts := []inventory.Cluster{
		{Name: "admin", Provider: "kubeconfig", Context: "admin", Identity: "1"},
		{Name: "reader", Provider: "kubeconfig", Context: "reader", Identity: "1", Labels: labels.Set{"tier": "mine"}},
		{Name: "other", Provider: "kubeconfig", Context: "other", Identity: "2"},
	}
	hub := []inventory.Cluster{
		{Name: "east", Provider: "karmada=hub", Identity: "1", UID: "u1", Labels: labels.Set{"env": "prod", "tier": "theirs"}, Listings: []inventory.Listing{{Inventory: "karmada=hub", Claim: "Ready"}}},
		{Name: "west", Provider: "karmada=hub"},
	}
	got := inventory.Merge(contexts, hub)
	if want := []string{"admin", "reader", "other", "west"}; !slices.Equal(names(got), want) {
		t.Fatalf("%v, want %v", names(got), want)
	}
	for _, c := range got[:2] {
		if !slices.Equal(c.Aliases, []string{"east"}) || c.UID != "u1" || c.Labels["env"] != "prod" || len(c.Listings) != 1 {
			t.Errorf("%s: %+v", c.Name, c)
		}
	}
	if got[1].Labels["tier"] != "mine" {
		t.Errorf("the first inventory's label is %s", got[1].Labels["tier"])
	}
	if contexts[1].Labels["env"] != "" {
		t.Error("the listing itself was changed")
	}
	if diff := cmp.Diff(names(inventory.Merge(hub, contexts)), []string{"east", "west", "other"}); diff != "" {
		t.Error(diff)
	}
}

func TestMergeKeepsApartWhatMayBeTwo(t *testing.T) {
	a := inventory.Cluster{Name: "a", Provider: "kubeconfig", Identity: "1", UID: "u1"}
	for what, b := range map[string]inventory.Cluster{
		"a cluster without identity": {Name: "b", Provider: "kurator=hub"},
		"another one at the address": {Name: "b", Provider: "karmada=hub", Identity: "1", UID: "u2"},
	} {
		if got := inventory.Merge([]inventory.Cluster{a}, []inventory.Cluster{b}); len(got) != 2 {
			t.Errorf("%s is taken for the same: %v", what, names(got))
		}
	}
	if got := inventory.Merge([]inventory.Cluster{{Name: "x"}, {Name: "y"}}); len(got) != 2 {
		t.Errorf("two of one inventory: %v", names(got))
	}
}

// A name never means another cluster because an inventory was added.
func TestMergeOfOneNameForTwo(t *testing.T) {
	got := inventory.Merge([]inventory.Cluster{{Name: "east", Provider: "kubeconfig", Context: "east", Identity: "1"}}, []inventory.Cluster{{Name: "east", Provider: "karmada=hub", Identity: "2"}})
	if got[0].Name == "east" || got[1].Name == "east" || got[0].Name == got[1].Name {
		t.Errorf("%v", names(got))
	}
	for _, c := range got {
		if err := inventory.ValidateName(c.Name); err != nil || !strings.HasPrefix(c.Name, "east-") {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	// The alias of one is the name of the other: the name counts.
	got = inventory.Merge(
		[]inventory.Cluster{{Name: "east", Identity: "1"}, {Name: "c7", Identity: "2"}},
		[]inventory.Cluster{{Name: "east", Identity: "2"}},
	)
	if diff := cmp.Diff(names(got), []string{"east", "c7"}); diff != "" || len(got[1].Aliases) > 0 {
		t.Errorf("%s %v", diff, got[1].Aliases)
	}
}

func TestObjectNames(t *testing.T) {
	for _, tc := range []struct {
		paths [][]string
		want  []string
	}{
		{[][]string{{"team-a", "east"}, {"team-b", "west"}}, []string{"east", "west"}},
		{[][]string{{"team-a", "east"}, {"team-b", "east"}, {"team-b", "west"}}, []string{"team-a-east", "team-b-east", "west"}},
		{[][]string{{"Cluster", "n", "east"}, {"AttachedCluster", "n", "east"}}, []string{"cluster-n-east", "attachedcluster-n-east"}},
		{[][]string{{"Prod.EU"}}, []string{"prod-eu"}},
	} {
		if diff := cmp.Diff(inventory.ObjectNames(tc.paths), tc.want); diff != "" {
			t.Errorf("%v: %s", tc.paths, diff)
		}
	}
	// What becomes equal only as a name gets a hash, as contexts do.
	got := inventory.ObjectNames([][]string{{"a", "x"}, {"b", "x"}, {"c", "a-x"}})
	if got[0] == got[2] || got[2] == "a-x" {
		t.Errorf("%v", got)
	}
}

func TestEndpointIdentity(t *testing.T) {
	ca := "-----BEGIN CERTIFICATE-----\nQUJDRA==\n-----END CERTIFICATE-----\n"
	one := inventory.Endpoint{Server: "https://East.example:443/", CA: []byte(ca)}
	for what, same := range map[string]inventory.Endpoint{
		"another spelling": {Server: "https://east.example", CA: []byte(ca)},
		"another PEM":      {Server: "https://east.example", CA: []byte("# my CA\n" + strings.ReplaceAll(ca, "QUJDRA==", "QUJD\nRA==") + "\n")},
	} {
		if same.Identity() != one.Identity() {
			t.Errorf("%s is another cluster", what)
		}
	}
	for what, other := range map[string]inventory.Endpoint{
		"another port":        {Server: "https://east.example:6443", CA: []byte(ca)},
		"another path":        {Server: "https://east.example/clusters/a", CA: []byte(ca)},
		"another CA":          {Server: "https://east.example", CA: []byte(strings.ReplaceAll(ca, "QUJDRA==", "QUJDRQ=="))},
		"no CA":               {Server: "https://east.example"},
		"another server name": {Server: "https://east.example", CA: []byte(ca), TLSServerName: "a"},
	} {
		if other.Identity() == one.Identity() {
			t.Errorf("%s is the same cluster", what)
		}
	}
}
