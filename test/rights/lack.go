package rights

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

// right is a verb on a resource, PLURAL[.GROUP][/SUBRESOURCE].
type right struct{ verb, resource string }

// lack runs a case without one right after the other. The command must name the right,
// and who prints it; or say what it goes on without.
func (b *Bench) lack(t *testing.T, command string, c Case, needed needs) {
	t.Helper()
	roles := b.roles(t, command, c)
	for _, missing := range needed.rights(c) {
		t.Run("without "+missing.verb+" "+missing.resource, func(t *testing.T) {
			user := b.user()
			b.bind(t, user, roles, missing.takenFrom)
			code, out := b.run(t, c.Stop, as(user, c.Args)...)
			if says, goesOn := c.Tolerates[missing.verb+" "+missing.resource]; goesOn {
				if code != c.Code || !strings.Contains(out, says) {
					t.Errorf("exit code %d, want %d with %q:\n%s", code, c.Code, says, out)
				}
				return
			}
			plural, group, sub := missing.parts()
			if sub != "" {
				plural += "/" + sub
			}
			for _, says := range []string{"Forbidden", `cannot ` + missing.verb + ` resource "` + plural + `" in API group "` + group + `"`, "rbac " + command} {
				if code == c.Code || !strings.Contains(out, says) {
					t.Errorf("exit code %d without %q:\n%s", code, says, out)
				}
			}
		})
	}
}

// rights are all that was needed, by the names of the types.
func (n needs) rights(c Case) []right {
	var all []right
	for of, verbs := range n {
		resource := of.resource
		if resource == rights.Every {
			continue // what it sees of it, it shows
		}
		if behind, is := strings.CutPrefix(resource, rights.AskedFor); is {
			resource = c.Types[0] + behind
		}
		for verb := range verbs {
			all = append(all, right{verb, resource})
		}
	}
	slices.SortFunc(all, func(a, b right) int { return strings.Compare(a.resource+a.verb, b.resource+b.verb) })
	return slices.Compact(all)
}

func (r right) parts() (plural, group, sub string) {
	plural, sub, _ = strings.Cut(r.resource, "/")
	plural, group, _ = strings.Cut(plural, ".")
	return plural, group, sub
}

// takenFrom leaves a role without the right.
func (r right) takenFrom(from *role) {
	plural, group, sub := r.parts()
	if sub != "" {
		plural += "/" + sub
	}
	var rules []rbacv1.PolicyRule
	for _, rule := range from.Rules {
		if rule.APIGroups[0] != group || !slices.Contains(rule.Resources, plural) || !slices.Contains(rule.Verbs, r.verb) {
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
