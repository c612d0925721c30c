// Package propagate proves that what changes a set on real clusters, directly or by
// a hub, can be killed at any write and completed by the same command. It takes
// minutes: it is run by `make proof`, and its results are kept in docs/proof.
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
	by    string // the hub that brings it to the clusters; empty without one
	env   []string
	dir   string
}

var clusters = []string{"c1", "c2"} //nolint:gochecknoglobals // a constant

func newLife(t *testing.T, fleet *testfleet.Fleet, by, name string) *life {
	t.Helper()
	name += "-" + strings.ToLower(rand.Text()[:5]) // what an earlier test left is not found
	l := &life{name: name, fleet: fleet, by: by, dir: t.TempDir()}
	config := clientcmdapi.NewConfig()
	for _, c := range l.places() {
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

// places are the clusters and the hub.
func (l *life) places() []string {
	if l.by == "" {
		return clusters
	}
	return append([]string{l.by}, clusters...)
}

// written are those of the places that the plugin writes to.
func (l *life) written() []string {
	if l.by == "" {
		return clusters
	}
	return []string{l.by}
}

// step is one command of a life.
type step struct {
	name string
	args []string
	// byHub are more of them, for a hub.
	byHub []string
	// before makes what the command finds.
	before func(*life, *testing.T)
	// over is in the output of the same command when there is nothing left to do.
	over string
}

func steps() []step {
	return []step{
		{name: "propagate", args: []string{"propagate", "-f", "first.yaml"}, byHub: []string{"--override", "c2:configmap/settings:/data/mode=other"}},
		{
			name: "propagate again", args: []string{"propagate", "-f", "second.yaml", "--prune", "--force-conflicts"}, byHub: []string{"--waves", "1,100%"},
			before: (*life).someoneElses,
		},
		{name: "rollback", args: []string{"rollback"}, byHub: []string{"--waves", "1,100%"}},
		{name: "withdraw", args: []string{"withdraw"}, over: "no set"},
	}
}

// run runs a step.
func (l *life) run(t *testing.T, s step, at int, after bool) (code int, out string, reached bool) {
	t.Helper()
	args := append([]string{}, s.args...)
	for i := range args {
		if strings.HasSuffix(args[i], ".yaml") {
			args[i] = filepath.Join(l.dir, args[i])
		}
	}
	if args[0] == "propagate" {
		args = append(args, "--name")
	}
	args = append(args, l.name)
	if l.by != "" {
		args = append(args, s.byHub...)
	}
	return l.give(t, at, after, args...)
}

// give gives a command about the set.
func (l *life) give(t *testing.T, at int, after bool, args ...string) (code int, out string, reached bool) {
	t.Helper()
	args = append(args, "-C", strings.Join(clusters, ","), "--state-namespace", "state-"+l.name, "--yes")
	if l.by != "" {
		args = append(args, "--via", "karmada="+l.by)
	}
	return l.Run(t, at, after, l.env, args...)
}

// end is what a step of a life leaves.
type end struct{ written, brought string }

// lead leads the whole life, with each command killed at one of its writes and
// given again, and compares what is there after each with what should be.
func (l *life) lead(t *testing.T, at int, after bool, want map[string]end) (reached bool) {
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
		if hit && l.state(t, l.written()) != want[s.name].written {
			if code, out := l.again(t, s, at); code != 0 {
				t.Fatalf("%s, again: exit code %d\n%s", s.name, code, out)
			}
		}
		if diff := cmp.Diff(want[s.name].written, l.state(t, l.written())); diff != "" {
			t.Fatalf("%s: (-undisturbed +killed)\n%s", s.name, diff)
		}
		if diff := l.unlike(t, want[s.name].brought); diff != "" {
			t.Fatalf("%s, in the clusters of the hub: (-undisturbed +killed)\n%s", s.name, diff)
		}
	}
	return reached
}

// again gives the command again, or every other time goes on with what it began.
func (l *life) again(t *testing.T, s step, at int) (code int, out string) {
	t.Helper()
	if l.by != "" && s.args[0] == "propagate" && at%2 == 0 {
		code, out, _ = l.give(t, 0, false, "propagate", "--resume", l.name)
		if !strings.Contains(out, "nothing to go on with") {
			return code, out
		}
	}
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
	killAll(t, workers, func(t *testing.T, name string) *life {
		t.Helper()
		return newLife(t, testfleet.Shared(t), "", name)
	})
}

// killAll leads a life that nobody disturbs, and one more for each kill of its
// commands.
func killAll(t *testing.T, workers int, begin func(*testing.T, string) *life) {
	t.Helper()
	want := map[string]end{}
	undisturbed := begin(t, "undisturbed")
	most := 0
	for _, s := range steps() {
		if s.before != nil {
			s.before(undisturbed, t)
		}
		if code, out, _ := undisturbed.run(t, s, 0, false); code != 0 {
			t.Fatalf("%s: %d %s", s.name, code, out)
		}
		want[s.name] = end{undisturbed.state(t, undisturbed.written()), undisturbed.settled(t)}
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
					l := begin(t, fmt.Sprintf("%s-%d", when, at))
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
