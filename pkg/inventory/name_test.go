package inventory_test

import (
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

func TestMemberNames(t *testing.T) {
	for _, tc := range []struct{ context, want string }{
		{"east", "east"},
		{"kubernetes-admin@prod", "kubernetes-admin-prod"},
		{"arn:aws:eks:eu-central-1:123456789012:cluster/pay", "pay-eu-central-1"},
		{"arn:aws-us-gov:eks:us-gov-west-1:1:cluster/a_b", "a-b-us-gov-west-1"},
		{"gke_project_europe-west1_shop", "gke-project-europe-west1-shop"},
		{"default/api-prod:6443/kube:admin", "default-api-prod-6443-kube-admin"},
		{"UPPER", "upper"},
		{"--x--", "x"},
	} {
		if got := inventory.MemberNames([]string{tc.context})[tc.context]; got != tc.want {
			t.Errorf("%s is called %s, want %s", tc.context, got, tc.want)
		}
	}
}

func TestLongNamesKeepTheirBeginningAndAHash(t *testing.T) {
	long := strings.Repeat("a-very-long-name", 5)
	name := inventory.MemberNames([]string{long})[long]
	if err := inventory.ValidateName(name); err != nil {
		t.Error(err)
	}
	other := long + "x"
	if inventory.MemberNames([]string{other})[other] == name {
		t.Errorf("two long contexts are both called %s", name)
	}
	if !strings.HasPrefix(name, "a-very-long-name") {
		t.Errorf("%s cannot be recognised", name)
	}
}

// Adding a context must never let an existing name mean another cluster.
func TestNamesThatCollideAreBothHashed(t *testing.T) {
	alone := inventory.MemberNames([]string{"a.b"})
	if alone["a.b"] != "a-b" {
		t.Fatalf("alone: %s", alone["a.b"])
	}
	both := inventory.MemberNames([]string{"a.b", "a/b", "c"})
	if both["a.b"] == "a-b" || both["a/b"] == "a-b" || both["a.b"] == both["a/b"] {
		t.Errorf("colliding contexts: %v", both)
	}
	if both["c"] != "c" {
		t.Errorf("an innocent context changed its name to %s", both["c"])
	}
	reversed := inventory.MemberNames([]string{"c", "a/b", "a.b"})
	for context, name := range both {
		if reversed[context] != name {
			t.Errorf("%s is %s or %s, by the order of the file", context, name, reversed[context])
		}
	}
}

func FuzzMemberNames(f *testing.F) {
	for _, seed := range []string{"east", "arn:aws:eks:r:1:cluster/x", "", "生产", strings.Repeat("é-", 60), "a\x1b[31m"} {
		f.Add(seed, "other")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		names := inventory.MemberNames([]string{a, b})
		for context, name := range names {
			if err := inventory.ValidateName(name); err != nil {
				t.Errorf("context %q: %v", context, err)
			}
		}
		if a != b && names[a] == names[b] {
			t.Errorf("%q and %q are both called %s", a, b, names[a])
		}
	})
}
