// Package rights proves that joining a Karmada, replacing its tokens and leaving work with
// exactly the rights that docs/joining.md lists, and that each of them is named before
// anything is written, where it is missing. `make proof` runs it.
package rights

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/kubernetes"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/rights"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

func TestMain(m *testing.M) { killer.Main(m, fleet.NewCmdFleet) }

const (
	member   = "c1"
	to, from = "--to=karmada=" + karmada.Hub, "--from=karmada=" + karmada.Hub
)

// sides are the contexts, by the words of the table.
func sides() map[string]string { return map[string]string{"cluster": member, "hub": karmada.Hub} }

// lab is a Karmada and a cluster, and what was written there.
type lab struct {
	fleet *testfleet.Fleet
	env   []string

	mu     sync.Mutex
	writes []string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{fleet: testfleet.With(t, karmada.Addon{})}
	contexts := map[string]*clientcmdapi.Cluster{}
	for _, context := range sides() {
		contexts[context] = meddle.Before(t, l.fleet.RESTConfig(t, context), func(w http.ResponseWriter, r *http.Request, server http.Handler) {
			if meddle.IsWrite(r) {
				l.mu.Lock()
				l.writes = append(l.writes, r.Method+" "+context+r.URL.Path)
				l.mu.Unlock()
			}
			server.ServeHTTP(w, r)
		})
	}
	home := t.TempDir()
	l.env = []string{"HOME=" + home, "KUBECACHEDIR=" + home, "KUBECONFIG=" + meddle.Kubeconfig(t, contexts)}
	return l
}

// run runs the plugin as a user, or with "" as the administrator.
func (l *lab) run(t *testing.T, user string, args ...string) (code int, output string) {
	t.Helper()
	l.writes = nil
	if user != "" {
		args = append(args, "--as", user)
	}
	// Cleaning up is done with it, too.
	cmd := killer.Command(context.WithoutCancel(t.Context()), t, l.env, append(args, "--yes")...)
	out, _ := cmd.CombinedOutput() // its exit code says it
	return cmd.ProcessState.ExitCode(), string(out)
}

func (l *lab) must(t *testing.T, args ...string) {
	t.Helper()
	if code, out := l.run(t, "", args...); code != 0 {
		t.Fatalf("%q: exit code %d\n%s", args, code, out)
	}
}

// right is a verb on a type, PLURAL[.GROUP][/SUBRESOURCE], on a side.
type right struct{ side, resource, verb string }

func (r right) parts() (plural, group string) {
	of, sub, _ := strings.Cut(r.resource, "/")
	plural, group, _ = strings.Cut(of, ".")
	if sub != "" {
		plural += "/" + sub
	}
	return plural, group
}

// named is how a command says that a right is missing: having asked for it, or with the
// words of an API server.
func (r right) named() *regexp.Regexp {
	plural, group := r.parts()
	context := sides()[r.side]
	server := fmt.Sprintf(`cannot %s resource %q in API group %q`, r.verb, plural, group)
	switch r.verb {
	case "escalate", "bind":
		server = `attempting to grant RBAC permissions not currently held`
	}
	return regexp.MustCompile(fmt.Sprintf(`in %s you may not [^;\n]*\b%s %s\b|error: [^\n]*\b%s\b[^\n]*%s`, context, r.verb, r.resource, context, server))
}

// documented are the columns of the table of docs/joining.md.
func documented(t *testing.T) map[string][]right {
	t.Helper()
	text, err := os.ReadFile("../../../docs/joining.md")
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string][]right{}
	var heads []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.ReplaceAll(strings.TrimSpace(line), "`", ""), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == "side":
			heads = cells
		case len(heads) > 0 && len(cells) == len(heads) && sides()[cells[0]] != "":
			for i := 2; i < len(cells); i++ {
				for verb := range strings.FieldsSeq(cells[i]) {
					columns[heads[i]] = append(columns[heads[i]], right{cells[0], cells[1], verb})
				}
			}
		}
	}
	return columns
}

// user is a new one, with these rights.
func (l *lab) user(t *testing.T, has []right) string {
	t.Helper()
	user := "rights-" + strings.ToLower(rand.Text()[:10])
	for side, context := range sides() {
		var rules []rbacv1.PolicyRule
		for _, r := range has {
			if plural, group := r.parts(); r.side == side {
				rules = append(rules, rbacv1.PolicyRule{Verbs: []string{r.verb}, APIGroups: []string{group}, Resources: []string{plural}})
			}
		}
		client, err := kubernetes.NewForConfig(l.fleet.RESTConfig(t, context))
		if err != nil {
			t.Fatal(err)
		}
		if len(rules) > 0 {
			rights.Grant(t, client, user, "", rules)
		}
	}
	return user
}

// column is a way to run a command, and the column of the table that is about it.
type column struct {
	head string
	args []string
	code int
	// goesOn is what it says without a right that it does not depend on.
	goesOn map[string]string
}

// verify runs a command without each of its rights, which must change nothing, and then
// with all.
func (l *lab) verify(t *testing.T, c column) {
	t.Helper()
	needed := documented(t)[c.head]
	if len(needed) == 0 {
		t.Fatalf("docs/joining.md has no rights for %q", c.head)
	}
	for i, missing := range needed {
		t.Run("without "+missing.verb+" "+missing.resource+" in "+missing.side, func(t *testing.T) {
			args, says := c.args, c.goesOn[missing.verb+" "+missing.resource]
			if says != "" {
				args = append(slices.Clone(args), "--dry-run=server")
			}
			code, out := l.run(t, l.user(t, slices.Delete(slices.Clone(needed), i, i+1)), args...)
			t.Logf("exit code %d\n%s", code, out)
			switch {
			case says != "" && (code != c.code || !strings.Contains(out, says)):
				t.Errorf("exit code %d, want %d with %q", code, c.code, says)
			case says == "" && (code == c.code || !missing.named().MatchString(out) || !strings.Contains(out, "docs/joining.md lists the rights")):
				t.Errorf("exit code %d, want a failure with %s, and where the rights are listed", code, missing.named())
			}
			if len(l.writes) > 0 {
				t.Errorf("this was done all the same: %q", l.writes)
			}
		})
	}
	if t.Failed() {
		t.FailNow() // what comes next needs it done
	}
	if code, out := l.run(t, l.user(t, needed), c.args...); code != c.code {
		t.Fatalf("%q with what docs/joining.md lists: exit code %d, want %d\n%s", c.args, code, c.code, out)
	}
}

// holderJoins joins as somebody who gives what he has, and may give nothing else: his
// binding can be tried only when the role is there.
func (l *lab) holderJoins(t *testing.T) {
	t.Helper()
	role := filepath.Join(t.TempDir(), "role.yaml")
	// Without these Karmada waits for minutes, also when the cluster joins anew.
	text := "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, rules: [{apiGroups: [''], resources: [nodes, pods], verbs: [list, watch]}]}"
	if err := os.WriteFile(role, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	has := slices.DeleteFunc(documented(t)["join --namespaces"], func(r right) bool { return r.verb == "escalate" || r.verb == "bind" })
	for _, what := range []string{"nodes", "pods"} {
		has = append(has, right{"cluster", what, "list"}, right{"cluster", what, "watch"})
	}
	if code, out := l.run(t, l.user(t, has), "join", member, to, "--role="+role); code != 0 {
		t.Fatalf("a join by somebody who has what the hub gets: exit code %d\n%s", code, out)
	}
}

func TestRightsOfHubs(t *testing.T) {
	l := newLab(t)
	t.Cleanup(func() { l.run(t, "", "unjoin", member, from, "--force") })
	unknown := map[string]string{
		"list propagationpolicies.policy.karmada.io":        "what it brings there is not known",
		"list clusterpropagationpolicies.policy.karmada.io": "what it brings there is not known",
	}
	unjoin := column{head: "unjoin", args: []string{"unjoin", member, from, "--timeout=3m"}}
	l.verify(t, column{head: "join --wait", args: []string{"join", member, to, "--wait", "--timeout=3m"}, goesOn: unknown})
	l.verify(t, column{head: "join --rotate", args: []string{"join", member, to, "--rotate", "--timeout=3m"}})
	l.must(t, unjoin.args...)
	l.holderJoins(t)
	l.must(t, unjoin.args...)
	l.verify(t, column{head: "join --namespaces", args: []string{"join", member, to, "--role=propagate", "--namespaces=default"}, goesOn: unknown})
	l.verify(t, unjoin)
	l.must(t, "join", member, to, "--wait", "--timeout=3m")
	t.Run("dead", func(t *testing.T) {
		l.fleet.Kill(t, member)
		l.verify(t, column{head: "unjoin --force", args: []string{"unjoin", member, from, "--force", "--timeout=5s"}, code: 6})
	})
	l.must(t, unjoin.args...)
}
