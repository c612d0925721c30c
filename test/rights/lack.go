package rights

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

// right is a verb on a resource, PLURAL[.GROUP][/SUBRESOURCE], where it is needed.
type right struct{ scope, verb, resource string }

// lack runs a case without one right after the other. The command must name the right,
// where it is missing, and who prints it; or say what it goes on without. Of the rights
// in maybe, which depend on luck, it may also need none.
func (b *Bench) lack(t *testing.T, command string, c Case, needed, maybe needs) {
	t.Helper()
	roles := b.roles(t, command, c)
	try := func(missing right, always bool) {
		t.Run("without "+missing.verb+" "+missing.resource+" "+missing.scope, func(t *testing.T) {
			if c.Before != nil {
				c.Before(t)
			}
			user := b.user()
			b.bind(t, user, roles, func(r *role) { b.take(r, missing, c) })
			tails := b.tails(t)
			code, out := b.run(t, c.Stop, as(user, c.Args)...)
			t.Logf("exit code %d\n%s", code, out)
			says, goesOn := c.Tolerates[missing.verb+" "+missing.resource]
			switch {
			case goesOn:
				if code != c.Code || !strings.Contains(out, says) {
					t.Errorf("exit code %d, want %d with %q", code, c.Code, says)
				}
			case code == c.Code && !always && !strings.Contains(out, "cannot "+missing.verb):
			case code == c.Code || !b.named(missing, c).MatchString(out) || !strings.Contains(out, "rbac "+command) && !strings.Contains(out, "fix: a "):
				t.Errorf("does not fail with %s, and what gives that right", b.named(missing, c))
			case c.Untouched:
				for _, e := range b.of(t, tails, func(e event) bool { return e.ImpersonatedUser.Username == user && e.changes() }) {
					t.Errorf("fails when this is done: %s: %s %s", e.cluster, e.Verb, e.RequestURI)
				}
			}
		})
	}
	for _, missing := range needed.rights() {
		try(missing, true)
	}
	for _, missing := range maybe.rights() {
		if behind, is := strings.CutPrefix(missing.resource, rights.AskedFor); is {
			if len(c.Types) == 0 { // it asks for nothing by its type
				continue
			}
			missing.resource = c.Types[0] + behind
		}
		if needed[need{missing.scope, missing.resource}][missing.verb] == nil {
			try(missing, false)
		}
	}
}

// named is how a right is named that is missing: by an API server, or by a command that
// has asked for its rights beforehand.
func (b *Bench) named(r right, c Case) *regexp.Regexp {
	plural, group, sub := r.parts()
	if sub != "" {
		plural += "/" + sub
	}
	where := `in (the )?namespace "?` + b.namespaceOf(r.scope, c) + `"?`
	if r.scope == rights.ScopeCluster || r.scope == rights.ScopeWork && c.Namespace == "" {
		where = `(in (the )?namespace "?[a-z]|in all namespaces|at the cluster scope)`
	}
	plural, group = regexp.QuoteMeta(plural), regexp.QuoteMeta(group)
	return regexp.MustCompile(`(orbidden: .*cannot ` + r.verb + ` resource "` + plural + `" in API group "` + group + `"|you may not [^;\n]*\b` + r.verb + `\b[^;\n]* ` + plural + `\b[^;\n]*) ` + where)
}

// namespaceOf is where the Role of a scope is; empty for a ClusterRole.
func (b *Bench) namespaceOf(scope string, c Case) string {
	return map[string]string{rights.ScopeState: b.State, rights.ScopeVelero: b.Velero, rights.ScopeWork: c.Namespace}[scope]
}

// rights are all that was needed, by the names of the types.
func (n needs) rights() []right {
	var all []right
	for of, verbs := range n {
		if of.resource == rights.Every {
			continue // what it sees of it, it shows
		}
		for verb := range verbs {
			all = append(all, right{of.scope, verb, of.resource})
		}
	}
	slices.SortFunc(all, func(a, b right) int {
		return strings.Compare(a.scope+a.resource+a.verb, b.scope+b.resource+b.verb)
	})
	return all
}

func (r right) parts() (plural, group, sub string) {
	plural, sub, _ = strings.Cut(r.resource, "/")
	plural, group, _ = strings.Cut(plural, ".")
	return plural, group, sub
}

// take leaves a role without the right, if it is the role for where that is needed, or
// the one for everywhere.
func (b *Bench) take(from *role, r right, c Case) {
	if from.Namespace != "" && from.Namespace != b.namespaceOf(r.scope, c) {
		return
	}
	plural, group, sub := r.parts()
	if sub != "" {
		plural += "/" + sub
	}
	var rules []rbacv1.PolicyRule
	for _, rule := range from.Rules {
		named := from.Namespace == "" && r.scope != rights.ScopeCluster && len(rule.ResourceNames) > 0 // of another namespace
		if named || rule.APIGroups[0] != group || !slices.Contains(rule.Resources, plural) || !slices.Contains(rule.Verbs, r.verb) {
			rules = append(rules, rule)
			continue
		}
		others, less := rule, rule
		others.Resources = slices.DeleteFunc(slices.Clone(rule.Resources), func(s string) bool { return s == plural })
		less.Resources = []string{plural}
		less.Verbs = slices.DeleteFunc(slices.Clone(rule.Verbs), func(s string) bool { return s == r.verb })
		for _, left := range []rbacv1.PolicyRule{others, less} {
			if len(left.Resources) > 0 && len(left.Verbs) > 0 {
				rules = append(rules, left)
			}
		}
	}
	from.Rules = rules
}
