package rights

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// DefaultStateNamespace remembers runs, unless the user says otherwise.
const DefaultStateNamespace = state.DefaultNamespace

// Request says what a command is to be allowed to do, and where.
type Request struct {
	// Types that the user names, as PLURAL[.GROUP]; for commands that ask for any. Empty:
	// all types, for those that look through them, and none for others.
	Types []string
	// Namespaces that the user works in; empty: all.
	Namespaces []string
	// StateNamespace remembers runs, VeleroNamespace is Velero's.
	StateNamespace, VeleroNamespace string
}

// Roles are the least that a command of a plugin needs: a ClusterRole, if it needs
// anything everywhere, and a Role for each namespace.
func (t Table) Roles(plugin, command string, r Request) []*unstructured.Unstructured {
	needs := map[string]need{} // by namespace; "" is the whole cluster
	for _, rule := range t.For(command) {
		resources := rule.resources(r.Types)
		for _, namespace := range rule.namespaces(r) {
			if needs[namespace] == nil {
				needs[namespace] = need{}
			}
			for _, resource := range resources {
				needs[namespace].add(resource, rule.Verbs, rule.Names)
			}
		}
	}
	var roles []*unstructured.Unstructured
	for _, namespace := range slices.Sorted(maps.Keys(needs)) {
		if len(needs[namespace]) > 0 {
			roles = append(roles, role(plugin+":"+command, namespace, needs[namespace].rules()))
		}
	}
	return roles
}

// resources are those of the rule, given the types that the user names.
func (r Rule) resources(types []string) []string {
	below, asked := strings.CutPrefix(r.Resource, AskedFor)
	every := r.Resource == Every
	if !asked || every && len(types) == 0 {
		return []string{r.Resource}
	}
	if every {
		below = ""
	}
	var resources []string
	for _, t := range types {
		resources = append(resources, t+below)
	}
	return resources
}

// namespaces are those that the rule is about, "" for the whole cluster.
func (r Rule) namespaces(q Request) []string {
	switch {
	case r.Scope == ScopeNone:
		return nil
	case r.Scope == ScopeWork && len(q.Namespaces) > 0:
		return q.Namespaces
	case r.Scope == ScopeState:
		return []string{q.StateNamespace}
	case r.Scope == ScopeVelero:
		return []string{q.VeleroNamespace}
	}
	return []string{""}
}

func role(name, namespace string, rules []any) *unstructured.Unstructured {
	role := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": name}, "rules": rules,
	}}
	if namespace != "" {
		role.SetKind("Role")
		role.SetNamespace(namespace)
	}
	return role
}

// need is verbs by what they are for.
type need map[object][]string

// object is what a verb is for: a resource of a group, and the names of some, joined.
type object struct{ group, resource, names string }

func (n need) add(resource string, verbs, names []string) {
	o := object{resource: resource, names: strings.Join(names, ",")}
	plural, sub, below := strings.Cut(resource, "/")
	if plural, group, is := strings.Cut(plural, "."); is {
		o.group, o.resource = group, plural
		if below {
			o.resource += "/" + sub
		}
	}
	n[o] = SortVerbs(append(n[o], verbs...))
}

// rules are the needs as RBAC has them: resources of one group with the same verbs are
// one rule.
func (n need) rules() []any {
	type same struct{ group, verbs, names string }
	resources := map[same][]string{}
	for o, verbs := range n {
		key := same{o.group, strings.Join(verbs, ","), o.names}
		resources[key] = append(resources[key], o.resource)
	}
	keys := slices.SortedStableFunc(maps.Keys(resources), func(a, b same) int {
		return cmp.Or(strings.Compare(a.group, b.group), strings.Compare(a.names, b.names), strings.Compare(a.verbs, b.verbs))
	})
	var rules []any
	for _, key := range keys {
		slices.Sort(resources[key])
		rule := map[string]any{"apiGroups": []any{key.group}, "resources": list(resources[key]), "verbs": list(strings.Split(key.verbs, ","))}
		if key.names != "" {
			rule["resourceNames"] = list(strings.Split(key.names, ","))
		}
		rules = append(rules, rule)
	}
	return rules
}

func list(words []string) []any {
	values := make([]any, len(words))
	for i, w := range words {
		values[i] = w
	}
	return values
}
