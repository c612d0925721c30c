package fleetbackup_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

// A drill leaves nothing, whether it works or not, and touches nothing else.
func TestDrill(t *testing.T) {
	t.Parallel()
	r := backedUp(t, "drilled")
	args := []string{"drill", r.name, "-f", r.file(t)}
	r.wants(t, 0, args, "is ready after", "deleted: namespace drilled-drill, Restore ")
	clean := func() {
		t.Helper()
		for _, c := range []string{"c1", "c2"} {
			if err := gone(t, c, "drilled-drill"); err != nil {
				t.Error(err)
			}
			r.has(t, c, r.name)
			left, err := serverOf(t, c).Restores(t.Context(), "kubectl-fleet.io/restored-set="+r.name)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range left {
				if l.DeletionTimestamp == nil {
					t.Errorf("%s has Restore %s", c, l.Name)
				}
			}
		}
	}
	clean()
	r.manifest.Spec.Policy.Spec.Probes[0].Command = []string{"false"}
	r.manifest.Spec.Policy.Spec.Probes[0].Timeout.Duration = time.Second
	r.wants(t, 1, []string{"drill", r.name, "-f", r.file(t)}, "probe 1: it has not passed")
	clean()
	// A namespace of somebody else is not a drill's.
	shop(t, "c2", "drilled-other")
	r.wants(t, 5, append(args, "--namespace-mappings", "drilled:drilled-other"), "a drill restores into new ones alone")
	if err := gone(t, "c2", "drilled-other"); err == nil {
		t.Error("it is gone")
	}
}

// Killed in the middle a restore is completed by the same command, and a drill leaves
// nothing once another has ended.
func TestRestoreIsKilled(t *testing.T) {
	t.Parallel()
	r := backedUp(t, "killed")
	const middle = 13 // of some two dozen writes: c1 has its Restore
	for _, verb := range []string{"restore", "drill"} {
		args := []string{verb, r.name, "-f", r.file(t), "--yes"}
		if verb == "restore" {
			r.lose(t, "c1", "c2")
		}
		if _, out, reached := r.plugin(t, middle, args...); !reached {
			t.Fatalf("%s does not write %d times\n%s", verb, middle, out)
		}
		out := r.wants(t, 0, args[:4])
		if verb == "restore" && !strings.Contains(out, "it goes on with killed-r") {
			t.Errorf("it is begun anew:\n%s", out)
		}
		for _, c := range []string{"c1", "c2"} {
			r.has(t, c, r.name)
			if err := gone(t, c, r.name+"-drill"); err != nil {
				t.Error(err)
			}
		}
	}
}

// After Ctrl-C a drill cleans up all the same; a restore says how it is gone on with.
func TestRestoreIsInterrupted(t *testing.T) {
	t.Parallel()
	r := backedUp(t, "stopped")
	r.manifest.Spec.Policy.Spec.Probes[0].Command = []string{"sleep", "60"}
	for _, verb := range []string{"drill", "restore"} {
		before := r.ended(t)
		type result struct {
			code int
			out  string
		}
		over := make(chan result)
		go func() {
			code, out, _ := r.plugin(t, 0, verb, r.name, "-f", r.file(t), "--yes")
			over <- result{code, out}
		}()
		eventually(t, func() error {
			if r.ended(t) == before {
				return errors.New("no Restore has ended")
			}
			return nil
		})
		r.Signal(os.Interrupt)
		if is := <-over; is.code != 130 {
			t.Errorf("%s: exit code %d\n%s", verb, is.code, is.out)
		}
		if err := gone(t, "c1", "stopped-drill"); err != nil {
			t.Error(err)
		}
	}
	r.manifest.Spec.Policy.Spec.Probes[0].Command = []string{"true"}
	r.wants(t, 0, []string{"drill", r.name, "-f", r.file(t)})
}

// ended counts the Restores of the set in c1 that have come to their end.
func (r *restoring) ended(t *testing.T) int {
	t.Helper()
	all, err := serverOf(t, "c1").Restores(t.Context(), "kubectl-fleet.io/restored-set="+r.name)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, restore := range all {
		if velero.IsRestoreTerminal(restore.Status.Phase) {
			n++
		}
	}
	return n
}
