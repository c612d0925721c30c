package fleet_test

import (
	"crypto/rand"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/test/rights"
)

// hubRight is a verb on a type on a hub, in a namespace or, with "", everywhere.
type hubRight struct{ namespace, resource, verb string }

func (r hubRight) rule() rbacv1.PolicyRule {
	plural, group, _ := strings.Cut(r.resource, ".")
	rule := rbacv1.PolicyRule{Verbs: []string{r.verb}, APIGroups: []string{group}, Resources: []string{plural}}
	if plural == "namespaces" {
		rule.ResourceNames = []string{"kube-system"}
	}
	return rule
}

// named is how a command says that the right is missing.
func (r hubRight) named() *regexp.Regexp {
	plural, group, _ := strings.Cut(r.resource, ".")
	return regexp.MustCompile(`cannot ` + r.verb + ` resource "` + plural + `" in API group "` + group + `"|you may not [^;\n]*\b` + r.verb + `\b[^;\n]* ` + plural + `\b`)
}

// rightsOnAHub are the columns of the table of docs/rights.md, for a set with a ConfigMap and a
// Deployment in a namespace.
func rightsOnAHub(t *testing.T, namespace string) map[string][]hubRight {
	t.Helper()
	text, err := os.ReadFile("../../../docs/rights.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## On a hub\n")
	quoted := regexp.MustCompile("`([^`]+)`")
	verb := regexp.MustCompile(`\b(get|list|create|update|patch|delete)\b`)
	columns := map[string][]hubRight{}
	var heads []string
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		switch {
		case strings.HasPrefix(line, "| type"):
			heads = cells
		case !strings.HasPrefix(line, "| `"):
		default:
			in := ""
			switch {
			case strings.Contains(cells[1], "objects"):
				in = namespace
			case strings.Contains(cells[1], "state"):
				in = "kubectl-fleet"
			}
			var types []string
			for _, name := range quoted.FindAllStringSubmatch(cells[0], -1) {
				if name[1] != "kube-system" {
					types = append(types, name[1])
				}
			}
			if strings.Contains(cells[0], "types of the objects") {
				types = append(types, "configmaps", "deployments.apps")
			}
			for i := 2; i < len(cells); i++ {
				for _, resource := range types {
					for _, verb := range verb.FindAllString(cells[i], -1) {
						head := strings.Trim(heads[i], " `")
						columns[head] = append(columns[head], hubRight{in, resource, verb})
					}
				}
			}
		}
	}
	return columns
}

// hubUser is a new one, who may do everything in the clusters and this on the hub.
func (l *karmadaLab) hubUser(t *testing.T, has []hubRight) string {
	t.Helper()
	user := "hub-" + strings.ToLower(rand.Text()[:10])
	for _, cluster := range l.members[:2] {
		rights.Grant(t, l.client(t, cluster), user, "", []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}})
	}
	client, err := kubernetes.NewForConfig(l.config)
	if err != nil {
		t.Fatal(err)
	}
	in := map[string][]rbacv1.PolicyRule{}
	for _, r := range has {
		in[r.namespace] = append(in[r.namespace], r.rule())
	}
	for namespace, rules := range in {
		rights.Grant(t, client, user, namespace, rules)
	}
	return user
}

// What docs/rights.md lists for a hub is enough for each command, and whoever lacks one of
// these rights is told which, and where they are listed, with nothing written. Spare are those
// that these runs do not need, as they find nothing of the sort to do.
func (l *karmadaLab) testHubRights(t *testing.T) {
	s := newHubShop(t, l, "viarights")
	columns := rightsOnAHub(t, s.name)
	text := func(more ...string) string {
		_, objects, _ := strings.Cut(shop, "---\n") // who has only these rights makes no namespace
		return strings.NewReplacer(append(more, "NAME", s.name)...).Replace(objects)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const old = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: old, namespace: viarights}\n"
	s.onHub(t, "create", "ns", s.name).want(t, 0)
	one, two := text()+old, text("web:1", "web:2")
	first := func() {
		write(one)
		s.byHub(t, "--override", "c2:configmap/web:/data/greeting=hallo").want(t, 0)
		write(two)
	}
	second := func() {
		first()
		s.byHub(t, "--prune").want(t, 0)
	}
	remembered := func() string {
		return s.onHub(t, "get", "secrets", "-n", "kubectl-fleet", "-o", "jsonpath={.items[*].metadata.resourceVersion}").want(t, 0).stdout +
			s.onHub(t, "get", "propagationpolicies,overridepolicies,configmaps,deployments", "-n", s.name, "-o", "jsonpath={range .items[*]}{.metadata.name} {.metadata.generation},{end}").want(t, 0).stdout
	}
	by := []string{"--name", s.name, "-C", "c1,c2", "--via", "karmada=" + s.hub}
	set := func(verb string) []string { return append([]string{verb, s.name}, by[2:]...) }
	for _, c := range []struct {
		head   string
		before func()
		args   []string
		writes bool
		spare  string
	}{
		{"propagate", first, slices.Concat([]string{"propagate", "-f", s.file, "--prune"}, by), true, "patch resourcebindings.work.karmada.io, create propagationpolicies.policy.karmada.io, " +
			"delete propagationpolicies.policy.karmada.io, get overridepolicies.policy.karmada.io, " +
			"create overridepolicies.policy.karmada.io, patch overridepolicies.policy.karmada.io, create configmaps, " +
			"create deployments.apps, delete deployments.apps, delete secrets, get leases.coordination.k8s.io"},
		{"status", func() {}, set("status"), false, "patch propagationpolicies.policy.karmada.io, get overridepolicies.policy.karmada.io, " +
			"patch overridepolicies.policy.karmada.io, patch configmaps, patch deployments.apps, " +
			"get leases.coordination.k8s.io"},
		{"diff -f", func() {}, slices.Concat([]string{"diff", "-f", s.file}, by), false, "get overridepolicies.policy.karmada.io, patch overridepolicies.policy.karmada.io, " +
			"get leases.coordination.k8s.io"},
		{"rollback", second, set("rollback"), true, "create propagationpolicies.policy.karmada.io, delete propagationpolicies.policy.karmada.io, " +
			"delete overridepolicies.policy.karmada.io, delete configmaps, create deployments.apps, delete deployments.apps, " +
			"get leases.coordination.k8s.io"},
		{"withdraw", func() {}, set("withdraw"), true, "get leases.coordination.k8s.io"},
	} {
		c.before()
		needed := columns[c.head]
		if len(needed) == 0 {
			t.Fatalf("docs/rights.md has no rights for %q", c.head)
		}
		for i, missing := range needed {
			user := l.hubUser(t, slices.Delete(slices.Clone(needed), i, i+1))
			args := append(slices.Clone(c.args), "--as", user)
			tried := args
			if c.writes {
				tried = append(slices.Clone(args), "--dry-run=server")
			}
			got := s.run(t, tried...)
			if got.code == 0 {
				if !strings.Contains(c.spare+", ", missing.verb+" "+missing.resource+", ") {
					t.Errorf("%s does not need %v", c.head, missing)
				}
				continue
			}
			was := remembered()
			if c.writes {
				got = s.run(t, append(args, "--yes")...)
			}
			if !missing.named().MatchString(got.stderr) || !strings.Contains(got.stderr, "docs/rights.md#on-a-hub lists the rights") {
				t.Errorf("%s without %v: exit code %d, want %s and the page in\n%s", c.head, missing, got.code, missing.named(), got.stderr)
			}
			if is := remembered(); is != was {
				t.Errorf("%s without %v has written all the same: before\n%s\nafter\n%s", c.head, missing, was, is)
			}
		}
		args := append(slices.Clone(c.args), "--as", l.hubUser(t, needed))
		if c.writes {
			args = append(args, "--yes")
		}
		if got := s.run(t, args...); got.code != 0 {
			t.Fatalf("%s with what docs/rights.md lists: exit code %d\n%s", c.head, got.code, got.stderr)
		}
	}
}
