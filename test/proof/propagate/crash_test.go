// Package propagate proves that what changes a set on real clusters can be killed
// at any write and completed by the same command. It takes minutes: it is run by
// `make proof`, and its results are kept in docs/proof.
package propagate

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

func TestMain(m *testing.M) { killer.Main(m, fleet.NewCmdFleet) }

// workers is how many lives of sets are led at a time: most of one is waiting for
// the lock of who was killed.
const workers = 8

// life is a set from its first objects to its end, in two clusters. Its name is
// that of all that it has.
type life struct {
	killer.Killer

	name  string
	fleet *testfleet.Fleet
	env   []string
	dir   string
}

var clusters = []string{"c1", "c2"} //nolint:gochecknoglobals // a constant

func newLife(t *testing.T, fleet *testfleet.Fleet, name string) *life {
	t.Helper()
	name += "-" + strings.ToLower(rand.Text()[:5]) // what an earlier test left is not found
	l := &life{name: name, fleet: fleet, dir: t.TempDir()}
	config := clientcmdapi.NewConfig()
	for _, c := range clusters {
		config.Clusters[c] = l.Before(t, fleet.RESTConfig(t, c))
		config.Contexts[c] = &clientcmdapi.Context{Cluster: c, Namespace: name}
	}
	kubeconfig := filepath.Join(l.dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"first.yaml", "second.yaml"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(l.dir, file), []byte(strings.ReplaceAll(string(text), "NAME", name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.env = []string{"HOME=" + l.dir, "KUBECONFIG=" + kubeconfig, "KUBECACHEDIR=" + filepath.Join(l.dir, "cache")}
	t.Cleanup(func() { l.removeAll(t) })
	return l
}

// step is one command of a life.
type step struct {
	name string
	args []string
	// before makes what the command finds.
	before func(*life, *testing.T)
	// over is in the output of the same command when there is nothing left to do.
	over string
}

func steps() []step {
	return []step{
		{name: "propagate", args: []string{"propagate", "-f", "first.yaml"}},
		{name: "propagate again", args: []string{"propagate", "-f", "second.yaml", "--prune", "--force-conflicts"}, before: (*life).someoneElses},
		{name: "rollback", args: []string{"rollback"}},
		{name: "withdraw", args: []string{"withdraw"}, over: "there is no set"},
	}
}

// run runs a step.
func (l *life) run(t *testing.T, s step, at int, after bool) (code int, out string, reached bool) {
	t.Helper()
	args := append([]string{}, s.args...)
	if at := len(args) - 1; strings.HasPrefix(s.name, "propagate") {
		args = append(args, "--name", l.name)
		for i := range at + 1 {
			if strings.HasSuffix(args[i], ".yaml") {
				args[i] = filepath.Join(l.dir, args[i])
			}
		}
	} else {
		args = append(args, l.name)
	}
	return l.Run(t, at, after, l.env, append(args, "-C", strings.Join(clusters, ","), "--state-namespace", "state-"+l.name, "--yes")...)
}

// lead leads the whole life, with each command killed at one of its writes and
// given again, and compares what is there after each with what should be.
func (l *life) lead(t *testing.T, at int, after bool, want map[string]string) (reached bool) {
	t.Helper()
	for _, s := range steps() {
		if s.before != nil {
			s.before(l, t)
		}
		code, out, hit := l.run(t, s, at, after)
		if !hit && code != 0 {
			t.Fatalf("%s, not killed: exit code %d\n%s", s.name, code, out)
		}
		reached = reached || hit
		// A rollback that was killed when all was done is not to be taken back.
		if hit && l.state(t) != want[s.name] {
			if code, out := l.again(t, s); code != 0 {
				t.Fatalf("%s, again: exit code %d\n%s", s.name, code, out)
			}
		}
		if diff := cmp.Diff(want[s.name], l.state(t)); diff != "" {
			t.Fatalf("%s: (-undisturbed +killed)\n%s", s.name, diff)
		}
	}
	return reached
}

func (l *life) again(t *testing.T, s step) (code int, out string) {
	t.Helper()
	code, out, _ = l.run(t, s, 0, false)
	if s.over != "" && code == 1 && strings.Contains(out, s.over) {
		code = 0
	}
	return code, out
}

// TestKilledAtAnyWrite: for every write of a first propagate, of one that updates,
// prunes, adopts and takes over, of a rollback and of a withdraw, killed before
// the server hears of it and before the answer is heard, the same command leads to
// what an undisturbed one leaves.
func TestKilledAtAnyWrite(t *testing.T) {
	fleet := testfleet.Shared(t)
	want := map[string]string{}
	undisturbed := newLife(t, fleet, "undisturbed")
	most := 0
	for _, s := range steps() {
		if s.before != nil {
			s.before(undisturbed, t)
		}
		if code, out, _ := undisturbed.run(t, s, 0, false); code != 0 {
			t.Fatalf("%s: %d %s", s.name, code, out)
		}
		want[s.name] = undisturbed.state(t)
		t.Logf("%s: %d writes", s.name, undisturbed.Writes())
		most = max(most, undisturbed.Writes())
	}
	kills := make(chan int)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for kill := range kills {
				at, after := kill/2+1, kill%2 == 1
				when := map[bool]string{false: "before", true: "after"}[after]
				t.Run(fmt.Sprintf("%s-%d", when, at), func(t *testing.T) {
					l := newLife(t, fleet, fmt.Sprintf("%s-%d", when, at))
					if !l.lead(t, at, after, want) {
						t.Error("nothing was killed")
					}
				})
			}
		})
	}
	for kill := range most * 2 {
		kills <- kill
	}
	close(kills)
	running.Wait()
}
