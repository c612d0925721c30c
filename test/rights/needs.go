package rights

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

// need is where something was asked for, and of which type.
type need struct{ scope, resource string }

// needs are the verbs that were asked for, and the names with each.
type needs map[need]map[string][]string

// add adds a request, if not everybody may make it.
func (n needs) add(b *Bench, a asked, c Case) {
	if a.ObjectRef == nil || slices.Contains([]string{"authorization.k8s.io", "authentication.k8s.io"}, a.ObjectRef.APIGroup) && strings.HasPrefix(a.ObjectRef.Resource, "self") {
		return // system:discovery, system:basic-user
	}
	resource := a.ObjectRef.Resource
	if a.ObjectRef.APIGroup != "" {
		resource += "." + a.ObjectRef.APIGroup
	}
	of := need{b.scopeOf(a, c), resource}
	if slices.Contains(c.Types, resource) && of.scope != rights.ScopeState && of.scope != rights.ScopeVelero {
		of = need{rights.ScopeWork, rights.AskedFor}
	}
	if slices.ContainsFunc(c.Every, func(part string) bool { return strings.Contains(a.RequestURI, part) }) {
		of = need{rights.ScopeCluster, rights.Every}
	}
	if a.ObjectRef.Subresource != "" {
		of.resource += "/" + a.ObjectRef.Subresource
	}
	if n[of] == nil {
		n[of] = map[string][]string{}
	}
	n[of][a.Verb] = append(n[of][a.Verb], a.ObjectRef.Name)
}

// addRule adds what a rule has.
func (n needs) addRule(r rights.Rule) {
	of := need{r.Scope, r.Resource}
	if n[of] == nil {
		n[of] = map[string][]string{}
	}
	for _, verb := range r.Verbs {
		n[of][verb] = append(n[of][verb], append(r.Names, "")[0])
	}
}

// scopeOf is where a right to ask this is needed.
func (b *Bench) scopeOf(a asked, c Case) string {
	of := a.ObjectRef
	namespace, namespaced := of.Namespace, b.types[a.cluster][of.Resource+"."+of.APIGroup]
	if of.Resource == "namespaces" && of.APIGroup == "" && of.Name != "" && a.Verb != "create" {
		// A Role in a namespace may be about the namespace itself.
		namespace, namespaced = of.Name, slices.Contains([]string{b.State, b.Velero, c.Namespace}, of.Name)
	}
	switch {
	case !namespaced:
		return rights.ScopeCluster
	case namespace != "" && namespace == b.State:
		return rights.ScopeState
	case namespace != "" && namespace == b.Velero:
		return rights.ScopeVelero
	case !c.Whole && (namespace == c.Namespace || c.Namespace == "" && !fixed(namespace)):
		return rights.ScopeWork
	}
	return rights.ScopeCluster
}

// fixed are the names that are the same in every cluster: a rule may name them.
func fixed(name string) bool { return name == "kube-system" }

// table is what was needed, as rules of a command.
func (n needs) table(command string) rights.Table {
	var table rights.Table
	for of, verbs := range n {
		byNames := map[string][]string{}
		for verb, names := range verbs {
			slices.Sort(names)
			names = slices.Compact(names)
			if slices.ContainsFunc(names, func(name string) bool { return !fixed(name) }) || verb == "list" || verb == "create" {
				names = nil
			}
			key := strings.Join(names, ",")
			byNames[key] = append(byNames[key], verb)
		}
		for names, verbs := range byNames {
			rule := rights.Rule{Command: command, Scope: of.scope, Verbs: rights.SortVerbs(verbs), Resource: of.resource}
			if names != "" {
				rule.Names = strings.Split(names, ",")
			}
			table = append(table, rule)
		}
	}
	return table
}

// namespacedOf are the types of a cluster that have a namespace, as PLURAL.GROUP.
func namespacedOf(tb testing.TB, client *kubernetes.Clientset) map[string]bool {
	tb.Helper()
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		tb.Fatal(err)
	}
	found := map[string]bool{}
	for _, list := range lists {
		group, _, is := strings.Cut(list.GroupVersion, "/")
		if !is {
			group = ""
		}
		for i := range list.APIResources {
			if list.APIResources[i].Namespaced {
				found[list.APIResources[i].Name+"."+group] = true
			}
		}
	}
	return found
}
