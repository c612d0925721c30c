package karmada

import (
	"errors"
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// Role is what the hub may do in a member.
type Role struct {
	// Name is that of the preset, or of the file.
	Name string
	// Everywhere holds in the whole cluster, Inside in Namespaces, if there are
	// any; else in the whole cluster, too.
	Everywhere, Inside []rbacv1.PolicyRule
}

// The presets of --role.
const (
	// RoleAdmin is what karmadactl join gives: everything.
	RoleAdmin = "admin"
	// RolePropagate may write workloads and what belongs to them, and read what
	// Karmada reports of a cluster. It may write no RBAC, no CRDs and no nodes.
	RolePropagate = "propagate"
	// RoleView may read, but no Secrets.
	RoleView = "view"
)

// Roles are the presets.
func Roles() []string { return []string{RoleAdmin, RolePropagate, RoleView} }

// IsAdmin is true if a role may do everything.
func (r Role) IsAdmin() bool { return r.Name == RoleAdmin }

// PresetRole returns a preset.
func PresetRole(name string) (Role, error) {
	read := []string{"get", "list", "watch"}
	all := []string{rbacv1.VerbAll}
	nonResource := rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{rbacv1.NonResourceAll}}
	// What Karmada's cluster status controller looks at, whatever is propagated.
	status := []rbacv1.PolicyRule{
		nonResource,
		{Verbs: read, APIGroups: []string{""}, Resources: []string{"nodes", "pods", "namespaces"}},
	}
	workloads := []string{"apps", "batch", "autoscaling", "policy", "networking.k8s.io"}
	plain := []string{
		"configmaps", "endpoints", "events", "limitranges", "persistentvolumeclaims", "pods", "pods/log", "pods/status",
		"replicationcontrollers", "resourcequotas", "serviceaccounts", "services",
	}
	switch name {
	case RoleAdmin:
		everything := rbacv1.PolicyRule{Verbs: all, APIGroups: []string{rbacv1.APIGroupAll}, Resources: []string{rbacv1.ResourceAll}}
		return Role{Name: name, Everywhere: []rbacv1.PolicyRule{nonResource}, Inside: []rbacv1.PolicyRule{everything}}, nil
	case RolePropagate:
		return Role{Name: name, Everywhere: status, Inside: []rbacv1.PolicyRule{
			{Verbs: all, APIGroups: []string{""}, Resources: append(plain, "secrets", "namespaces")},
			{Verbs: all, APIGroups: workloads, Resources: []string{rbacv1.ResourceAll}},
		}}, nil
	case RoleView:
		return Role{Name: name, Everywhere: status, Inside: []rbacv1.PolicyRule{
			{Verbs: read, APIGroups: []string{""}, Resources: append(plain, "nodes", "namespaces", "persistentvolumes")},
			{Verbs: read, APIGroups: append(workloads, "storage.k8s.io", "apiextensions.k8s.io"), Resources: []string{rbacv1.ResourceAll}},
		}}, nil
	}
	return Role{}, fmt.Errorf("no role %q: there are %s, or name a file", name, strings.Join(Roles(), ", "))
}

// ParseRole reads a role from a file: a ClusterRole or a Role, of which the
// rules count.
func ParseRole(name string, text []byte) (Role, error) {
	var file struct {
		APIVersion string              `json:"apiVersion"`
		Kind       string              `json:"kind"`
		Metadata   map[string]any      `json:"metadata"`
		Rules      []rbacv1.PolicyRule `json:"rules"`
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return Role{}, fmt.Errorf("role %s: %w", name, err)
	}
	if file.APIVersion != rbacv1.SchemeGroupVersion.String() || file.Kind != kindClusterRole && file.Kind != kindRole {
		return Role{}, fmt.Errorf("role %s: it is %s %s: want a ClusterRole or a Role of %s", name, file.APIVersion, file.Kind, rbacv1.SchemeGroupVersion)
	}
	if len(file.Rules) == 0 {
		return Role{}, errors.New("role " + name + ": it has no rules")
	}
	role := Role{Name: name}
	for _, rule := range file.Rules {
		if len(rule.NonResourceURLs) > 0 {
			role.Everywhere = append(role.Everywhere, rule)
			continue
		}
		role.Inside = append(role.Inside, rule)
	}
	return role, nil
}

// split gives the rules for the whole cluster and those for each namespace.
func (r Role) split(namespaces []string) (cluster, inside []rbacv1.PolicyRule) {
	if len(namespaces) > 0 {
		return r.Everywhere, r.Inside
	}
	return append(append([]rbacv1.PolicyRule(nil), r.Inside...), r.Everywhere...), nil
}
