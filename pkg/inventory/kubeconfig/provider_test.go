package kubeconfig_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/kubeconfig"
)

// file writes a kubeconfig with the given contexts, in their order. Each is
// "name server user"; a user that starts with "exec:" logs in by that command.
func file(t *testing.T, current string, contexts ...string) string {
	t.Helper()
	var clusters, users, list strings.Builder
	for _, c := range contexts {
		parts := strings.Fields(c)
		name, server, user := parts[0], parts[1], parts[2]
		fmt.Fprintf(&clusters, "- name: %s\n  cluster: {server: %q, certificate-authority-data: Q0E=}\n", name, server)
		if command, isExec := strings.CutPrefix(user, "exec:"); isExec {
			fmt.Fprintf(&users, "- name: %s-%s\n  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: %s, args: [%s], interactiveMode: Never}}\n", name, user, "login", command)
		} else {
			fmt.Fprintf(&users, "- name: %s-%s\n  user: {token: %s}\n", name, user, user)
		}
		fmt.Fprintf(&list, "- name: %s\n  context: {cluster: %s, user: %s-%s, namespace: ns-of-%s}\n", name, name, name, user, name)
	}
	path := filepath.Join(t.TempDir(), "config")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: " + current + "\nclusters:\n" + clusters.String() + "users:\n" + users.String() + "contexts:\n" + list.String()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, paths ...string) *kubeconfig.Config {
	t.Helper()
	config, err := kubeconfig.Load(&clientcmd.ClientConfigLoadingRules{Precedence: paths})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func list(t *testing.T, p kubeconfig.Provider) []inventory.Cluster {
	t.Helper()
	cs, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func names(cs []inventory.Cluster) []string {
	var all []string
	for _, c := range cs {
		all = append(all, c.Name)
	}
	return all
}

func TestListKeepsTheOrderOfTheFilesCurrentFirst(t *testing.T) {
	first := file(t, "m", "z https://z u", "a https://a u", "m https://m u")
	second := file(t, "k", "k https://k u", "a https://elsewhere u")
	got := list(t, kubeconfig.Provider{Config: load(t, first, second)})
	if want := []string{"m", "z", "a", "k"}; !slices.Equal(names(got), want) {
		t.Errorf("%v, want %v", names(got), want)
	}
	if got[2].Server != "https://a" {
		t.Errorf("a is %s: the first file that has a context wins", got[2].Server)
	}
	if got[0].Namespace != "ns-of-m" || got[0].Provider != "kubeconfig" || got[0].Context != "m" {
		t.Errorf("%+v", got[0])
	}
}

func TestIdentity(t *testing.T) {
	for _, tc := range []struct {
		what      string
		contexts  []string
		kept      []string
		ambiguous int
	}{
		{"two users of one cluster", []string{"a https://x:443/ alice", "b https://X bob", "c https://c u"}, []string{"a", "c"}, 0},
		{"one login shared", []string{"a https://x exec:l", "b https://x exec:l"}, []string{"a"}, 0},
		{"logins that may choose the cluster", []string{"a https://x exec:l1", "b https://x exec:l2"}, []string{"a", "b"}, 1},
		{"another path behind one host", []string{"a https://x/k8s/1 u", "b https://x/k8s/2 u"}, []string{"a", "b"}, 0},
		{"another port", []string{"a https://x:1 u", "b https://x:2 u"}, []string{"a", "b"}, 0},
	} {
		cs := list(t, kubeconfig.Provider{Config: load(t, file(t, "", tc.contexts...))})
		kept, _ := inventory.Distinct(cs)
		if !slices.Equal(names(kept), tc.kept) {
			t.Errorf("%s: kept %v, want %v", tc.what, names(kept), tc.kept)
		}
		if n := len(inventory.PossiblySame(kept)); n != tc.ambiguous {
			t.Errorf("%s: %d ambiguous groups, want %d", tc.what, n, tc.ambiguous)
		}
	}
}

func TestAMemberWhoseContextIsGoneIsListedAndCannotBeReached(t *testing.T) {
	fleet := &v1alpha1.Fleet{Name: "f", Members: []v1alpha1.Member{
		{Name: "east", Context: "a", Labels: map[string]string{"env": "prod"}},
		{Name: "lost", Context: "gone", Server: "https://was.here"},
	}}
	cs := list(t, kubeconfig.Provider{Config: load(t, file(t, "a", "a https://a u", "b https://b u")), Fleet: fleet})
	if !slices.Equal(names(cs), []string{"east", "lost"}) {
		t.Fatal(names(cs))
	}
	if cs[0].Labels["env"] != "prod" || cs[0].Server != "https://a" {
		t.Errorf("%+v", cs[0])
	}
	if cs[1].Server != "https://was.here" {
		t.Errorf("lost has server %q", cs[1].Server)
	}
	if _, err := cs[1].Access.RESTConfig(t.Context()); err == nil || !strings.Contains(err.Error(), `"gone"`) {
		t.Errorf("%v, want an error that names the context", err)
	}
}

func TestImpersonation(t *testing.T) {
	as := kubeconfig.Impersonation{User: "bob", UID: "7", Groups: []string{"ops"}, Extra: map[string][]string{"why": {"drill"}}}
	cs := list(t, kubeconfig.Provider{Config: load(t, file(t, "", "a https://a u")), As: as})
	config, err := cs[0].Access.RESTConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if i := config.Impersonate; i.UserName != "bob" || i.UID != "7" || !slices.Equal(i.Groups, []string{"ops"}) || i.Extra["why"][0] != "drill" {
		t.Errorf("%+v", i)
	}
}

// clientcmd writes into the exec section of the user that it resolves; contexts
// that share a user must not share that memory. The race detector judges.
func TestSharedUsersAreReachedConcurrently(t *testing.T) {
	path := file(t, "", "a https://a exec:l")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(raw), "contexts:\n", "contexts:\n- {name: b, context: {cluster: a, user: 'a-exec:l'}}\n", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cs := list(t, kubeconfig.Provider{Config: load(t, path)})
	var reached sync.WaitGroup
	for _, c := range slices.Repeat(cs, 8) {
		reached.Go(func() {
			if _, err := c.Access.RESTConfig(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	reached.Wait()
}

func TestLoadErrors(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	broken := filepath.Join(t.TempDir(), "broken")
	for path, text := range map[string]string{empty: "", broken: "contexts: [\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for path, want := range map[string]string{empty: "no contexts", broken: broken, missing: "no contexts"} {
		if _, err := kubeconfig.Load(&clientcmd.ClientConfigLoadingRules{Precedence: []string{path}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in the error", path, err, want)
		}
	}
	good := file(t, "", "a https://a u")
	config := load(t, good, missing)
	if !slices.Equal(config.Missing, []string{missing}) {
		t.Errorf("missing: %v", config.Missing)
	}
}
