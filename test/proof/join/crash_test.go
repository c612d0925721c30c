// Package join proves that a join to a real Karmada, a rotation of its tokens and
// a leaving can be killed at any write and completed by the same command. It takes
// minutes: it is run by `make proof`, and its results are kept in docs/proof.
package join

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

func TestMain(m *testing.M) { killer.Main(m, fleet.NewCmdFleet) }

// lab runs the plugin through the killer.
type lab struct {
	*killer.Killer
	fleet   *testfleet.Fleet
	env     []string
	reached bool // the kill
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{Killer: &killer.Killer{}, fleet: testfleet.New(t, bed.Options{Clusters: 1, Addons: []addon.Addon{karmada.Addon{}}})}
	config := clientcmdapi.NewConfig()
	for _, name := range []string{"c1", karmada.Hub} {
		config.Clusters[name] = l.Before(t, l.fleet.RESTConfig(t, name))
		config.Contexts[name] = &clientcmdapi.Context{Cluster: name}
	}
	home := t.TempDir()
	file := filepath.Join(home, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	l.env = []string{"HOME=" + home, "KUBECONFIG=" + file, "KUBECACHEDIR=" + filepath.Join(home, "cache")}
	return l
}

// run runs the plugin and kills it at one of its writes, if any.
func (l *lab) run(t *testing.T, at int, after bool, args ...string) (code int, output string) {
	t.Helper()
	code, output, l.reached = l.Run(t, at, after, l.env, append(args, "--yes")...)
	return code, output
}

const to, from = "--to=karmada=" + karmada.Hub, "--from=karmada=" + karmada.Hub

func (l *lab) join(t *testing.T, at int, after bool) (int, string) {
	t.Helper()
	return l.run(t, at, after, "join", "c1", to, "--labels", "env=test", "--namespaces", "default", "--role", "propagate")
}

func (l *lab) unjoin(t *testing.T, at int, after bool) (int, string) {
	t.Helper()
	return l.run(t, at, after, "unjoin", "c1", from)
}

// whole says what is not as a join makes it: nothing, if a server's dry run of it
// finds nothing to do.
func (l *lab) whole(t *testing.T) error {
	t.Helper()
	code, out := l.run(t, 0, false, "join", "c1", to, "--labels", "env=test", "--namespaces", "default", "--role", "propagate", "--dry-run", "server")
	if code != 0 || strings.Contains(out, "create") || strings.Contains(out, "update") {
		return fmt.Errorf("not as a join makes it: exit code %d\n%s", code, out)
	}
	return nil
}

// clean says what is left of a join.
func (l *lab) clean(t *testing.T) error {
	t.Helper()
	for context, types := range map[string]string{"c1": "sa,secrets,roles,rolebindings,clusterroles,clusterrolebindings,ns", karmada.Hub: "clusters.cluster.karmada.io,secrets"} {
		kubeconfig := l.fleet.Kubeconfig()
		if context == karmada.Hub {
			kubeconfig = l.fleet.Hub(t, karmada.Hub)
		}
		out, err := exec.CommandContext(t.Context(), l.fleet.Binary(t, "kubectl"), "--kubeconfig", kubeconfig, "--context", context, "get", types, "-A", "--no-headers",
			"-l", "app.kubernetes.io/managed-by=kubectl-fleet", "-o", "name").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if left := strings.TrimSpace(string(out)); left != "" && !strings.HasPrefix(left, "No resources") {
			return fmt.Errorf("left in %s:\n%s", context, left)
		}
	}
	return nil
}

// TestKilledAtAnyWrite: for every write of a join, killed before the server hears
// of it and before the answer is heard, the same command completes it; so for
// every write of an unjoin. And what a killed join left can be taken away
// without completing it.
func TestKilledAtAnyWrite(t *testing.T) {
	l := newLab(t)
	for _, after := range []bool{false, true} {
		when := map[bool]string{false: "before the server hears of it", true: "before the answer is heard"}[after]
		for at := 1; ; at++ {
			what := fmt.Sprintf("join killed at write %d, %s", at, when)
			code, out := l.join(t, at, after)
			if !l.reached {
				if code != 0 {
					t.Fatalf("%s: a join without a kill: %d %s", what, code, out)
				}
				t.Logf("join: %d writes, each killed %s", at-1, when)
				l.mustUnjoin(t, what)
				break
			}
			if at%2 == 0 { // every other time it is not completed first
				if code, out := l.join(t, 0, false); code != 0 {
					t.Errorf("%s: again: %d %s", what, code, out)
				}
				if err := l.whole(t); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			l.mustUnjoin(t, what)
		}
		for at := 1; ; at++ {
			what := fmt.Sprintf("unjoin killed at write %d, %s", at, when)
			if code, out := l.join(t, 0, false); code != 0 {
				t.Fatalf("%s: join: %d %s", what, code, out)
			}
			code, out := l.unjoin(t, at, after)
			if !l.reached {
				if code != 0 {
					t.Fatalf("%s: an unjoin without a kill: %d %s", what, code, out)
				}
				t.Logf("unjoin: %d writes, each killed %s", at-1, when)
				break
			}
			l.mustUnjoin(t, what)
		}
	}
}

// mustUnjoin takes away what is there, which may be nothing.
func (l *lab) mustUnjoin(t *testing.T, what string) {
	t.Helper()
	if code, out := l.unjoin(t, 0, false); code != 0 && !strings.Contains(out, "nothing of it is left") {
		t.Fatalf("%s: unjoin: %d %s", what, code, out)
	}
	if err := l.clean(t); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
