// Package rights knows what each command asks API servers for. The tables are not
// written by hand: integration tests run the commands, and record what the audit logs
// of the API servers say of them (docs/rights.md).
package rights

import (
	"cmp"
	_ "embed" // the tables
	"fmt"
	"slices"
	"strings"
)

// The tables of the plugins, for Parse. A program has those that it uses.
var (
	//go:embed kubectl-fleet.txt
	Fleet string
	//go:embed kubectl-fleetbackup.txt
	Fleetbackup string
	//go:embed kubectl-fleetscale.txt
	Fleetscale string
)

// Scopes of a rule: where the right is needed.
const (
	// ScopeNone is of a command that asks no cluster for anything.
	ScopeNone = "none"
	// ScopeCluster is the whole cluster.
	ScopeCluster = "cluster"
	// ScopeWork is the namespaces that the user works in: those of -n, or all.
	ScopeWork = "work"
	// ScopeState is the namespace that remembers runs.
	ScopeState = "state"
	// ScopeVelero is Velero's namespace.
	ScopeVelero = "velero"
)

// What may stand for the resource of a rule, or for its type.
const (
	// AskedFor is the types that the user names.
	AskedFor = "*"
	// Every is all types of the cluster: the command looks through them for objects that
	// may be of any.
	Every = "*.*"
)

// Rule is something that a command must be allowed.
type Rule struct {
	// Command is the verb, such as get. Those below a command are of it, too.
	Command string
	// Scope is one of the constants.
	Scope string
	// Verbs are those of RBAC, in the order in which kubectl says them.
	Verbs []string
	// Resource is PLURAL[.GROUP][/SUBRESOURCE], as kubectl create role takes it.
	Resource string
	// Names of the objects; empty: any.
	Names []string
}

// Table is what the commands of a plugin need.
type Table []Rule

// Parse reads a table: a rule a line, of command, scope, verbs, resource and names. A
// line with # is a comment.
func Parse(text string) (Table, error) {
	var t Table
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		rule := Rule{}
		switch {
		case len(words) == 2 && words[1] == ScopeNone:
		case len(words) == 5:
			rule.Names = strings.Split(words[4], ",")
			fallthrough
		case len(words) == 4:
			rule.Verbs, rule.Resource = strings.Split(words[2], ","), words[3]
		default:
			return nil, fmt.Errorf("a rule has four or five words: %q", line)
		}
		rule.Command, rule.Scope = words[0], words[1]
		t = append(t, rule)
	}
	return t, nil
}

// Format is the text that Parse reads, in one order.
func (t Table) Format() string {
	sorted := slices.Clone(t)
	slices.SortStableFunc(sorted, func(a, b Rule) int {
		return cmp.Or(strings.Compare(a.Command, b.Command), strings.Compare(a.Scope, b.Scope),
			strings.Compare(a.Resource, b.Resource), slices.Compare(a.Names, b.Names))
	})
	var text strings.Builder
	for _, r := range sorted {
		words := []string{r.Command, r.Scope}
		if r.Scope != ScopeNone {
			words = append(words, strings.Join(r.Verbs, ","), r.Resource)
		}
		if len(r.Names) > 0 {
			words = append(words, strings.Join(r.Names, ","))
		}
		text.WriteString(strings.Join(words, " ") + "\n")
	}
	return text.String()
}

// Commands are those that the table knows, sorted.
func (t Table) Commands() []string {
	var names []string
	for _, r := range t {
		names = append(names, r.Command)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// For are the rules of a command.
func (t Table) For(command string) Table {
	return slices.DeleteFunc(slices.Clone(t), func(r Rule) bool { return r.Command != command })
}

// Verbs are what a command needs on the types that AskedFor or Every stands for; empty: it
// asks for none of them.
func (t Table) Verbs(command, of string) []string {
	for _, r := range t.For(command) {
		if r.Resource == of {
			return r.Verbs
		}
	}
	return nil
}

// Has tells whether a rule has this scope.
func (t Table) Has(scope string) bool {
	return slices.ContainsFunc(t, func(r Rule) bool { return r.Scope == scope })
}

// SortVerbs brings verbs into the order in which kubectl says them.
func SortVerbs(verbs []string) []string {
	order := []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
	slices.SortFunc(verbs, func(a, b string) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a), slices.Index(order, b)), strings.Compare(a, b))
	})
	return slices.Compact(verbs)
}
