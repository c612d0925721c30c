package karmada

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/component-helpers/auth/rbac/validation"
)

// allows asks Kubernetes' own evaluation of rules.
func allows(rules []rbacv1.PolicyRule, verb, group, resource string) bool {
	wanted := []rbacv1.PolicyRule{{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}}}
	covered, _ := validation.Covers(rules, wanted)
	return covered
}

func TestPresetRoles(t *testing.T) {
	for _, test := range []struct {
		role, verb, group, resource string
		want                        bool
	}{
		{RoleAdmin, "delete", "rbac.authorization.k8s.io", "clusterroles", true},
		{RolePropagate, "create", "apps", "deployments", true},
		{RolePropagate, "patch", "", "secrets", true},
		{RolePropagate, "list", "", "nodes", true},
		{RolePropagate, "delete", "", "nodes", false},
		{RolePropagate, "create", "rbac.authorization.k8s.io", "roles", false},
		{RolePropagate, "create", "apiextensions.k8s.io", "customresourcedefinitions", false},
		{RolePropagate, "impersonate", "", "users", false},
		{RoleView, "watch", "apps", "deployments", true},
		{RoleView, "get", "storage.k8s.io", "storageclasses", true},
		{RoleView, "get", "", "secrets", false},
		{RoleView, "update", "apps", "deployments", false},
		{RoleView, "create", "", "pods/exec", false},
	} {
		role, err := PresetRole(test.role)
		if err != nil {
			t.Fatal(err)
		}
		cluster, inside := role.split(nil)
		if len(inside) > 0 {
			t.Errorf("%s: without namespaces, rules of a namespace: %v", test.role, inside)
		}
		if got := allows(cluster, test.verb, test.group, test.resource); got != test.want {
			t.Errorf("%s may %s %s.%s: %v", test.role, test.verb, test.resource, test.group, got)
		}
	}
	if _, err := PresetRole("root"); err == nil || !strings.Contains(err.Error(), "admin, propagate, view") {
		t.Errorf("an unknown role: %v", err)
	}
}

// A role in namespaces gives nothing but reading in the whole cluster, whatever
// the role.
func TestRoleInNamespaces(t *testing.T) {
	for _, name := range Roles() {
		role, err := PresetRole(name)
		if err != nil {
			t.Fatal(err)
		}
		cluster, inside := role.split([]string{"shop"})
		if len(inside) == 0 {
			t.Errorf("%s: nothing in the namespace", name)
		}
		for _, rule := range cluster {
			for _, verb := range rule.Verbs {
				if !slices.Contains([]string{"get", "list", "watch"}, verb) {
					t.Errorf("%s in a namespace may %s %v in the whole cluster", name, verb, rule.Resources)
				}
			}
		}
		if allows(cluster, "get", "", "secrets") {
			t.Errorf("%s in a namespace reads the Secrets of the whole cluster", name)
		}
	}
}

func TestParseRole(t *testing.T) {
	const head = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\n"
	role, err := ParseRole("f", []byte(head+"rules:\n- {verbs: [get], apiGroups: [apps], resources: [deployments]}\n- {verbs: [get], nonResourceURLs: [/version]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	cluster, inside := role.split([]string{"shop"})
	if len(cluster) != 1 || len(cluster[0].NonResourceURLs) != 1 || !allows(inside, "get", "apps", "deployments") {
		t.Errorf("in a namespace: %v in the cluster, %v inside", cluster, inside)
	}
	for text, want := range map[string]string{
		"kind: Pod\napiVersion: v1\n": "want a ClusterRole or a Role",
		head:                          "no rules",
		head + "rule: []\n":           `unknown field "rule"`,
		"[":                           "role f: ",
	} {
		if _, err := ParseRole("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
