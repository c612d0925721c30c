package backup

import (
	"os"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/test/ledger/lab"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// TestClockAnHourOff: the clocks of two clusters are wrong, one is an hour ahead and the
// other an hour behind. Nothing that is proved rests on them.
func TestClockAnHourOff(t *testing.T) {
	fleet := testfleet.SharedWith(t, velero.Addon{})
	off := map[string]time.Duration{"c1": time.Hour, "c2": -time.Hour}
	l := lab.NewBehind(t, fleet, func(cluster string, straight *rest.Config) *rest.Config {
		wrong := meddle.ClockOff(t, straight, off[cluster])
		return &rest.Config{Host: wrong.Server, TLSClientConfig: rest.TLSClientConfig{CAData: wrong.CertificateAuthorityData}}
	}, "c1", "c2", "c3")
	l.Conserve(t, 2)
	set := l.Newest(t)
	if code, out := l.Plugin(t, "verify", set.Name); code != 0 {
		t.Errorf("verify: %d: %s", code, out)
	}
	// Who died is found dead, and what he left is ended.
	l.WhileFrozen(t, func() { l.Signal(os.Kill) }, "create", "-f", l.Policy(t, false), "--yes")
	code, out := l.Plugin(t, "recover", "-C", "c1,c2,c3")
	if is := l.Newest(t); code != 1 && code != 7 || is.Status.Grade == v1alpha1.GradeQuiesced || l.Frozen("c1") || l.Frozen("c2") || l.Frozen("c3") {
		t.Errorf("recover: %d, %s %s: %s", code, is.Status.Phase, is.Status.Grade, out)
	}
}

// TestSuspendedPastItsTTL: the plugin stands still while everything is frozen, until the
// deadmen have released it. When it goes on there is no set if it had asked for no Backup,
// and else a torn one.
func TestSuspendedPastItsTTL(t *testing.T) {
	fleet := testfleet.SharedWith(t, velero.Addon{})
	l := lab.New(t, fleet, "c1", "c2")
	for _, asked := range []bool{false, true} {
		ended := l.WhileFrozen(t, func() {
			if asked {
				fleet.Hang(t, velero.Store) // until it goes on, no cut is over
				l.AwaitBackups(t)
			}
			l.Signal(syscall.SIGSTOP)
			for end := time.Now().Add(3 * time.Minute); l.Frozen("c1") || l.Frozen("c2"); time.Sleep(100 * time.Millisecond) {
				if time.Now().After(end) {
					t.Error("no deadman fires")
					break
				}
			}
			if asked {
				fleet.Resume(t, velero.Store)
			}
			l.Signal(syscall.SIGCONT)
		}, "create", "-f", l.Policy(t, false), "--yes", "--max-freeze", "10s")
		if l.Frozen("c1") || l.Frozen("c2") {
			t.Error("it is frozen still")
		}
		code, out := l.Plugin(t, "recover", "-C", "c1,c2")
		set := l.Newest(t)
		t.Logf("Backups were asked for: %t; create ended with %d; %s %s: %v", asked, ended.Code, set.Status.Phase, set.Status.Grade, set.Status.Why)
		if !asked && (ended.Code != 1 || set.Status.Phase != v1alpha1.BackupAborted) {
			t.Errorf("%s\n%s", ended.Output, out)
		}
		if asked && (ended.Code == 0 || code != 7 || set.Status.Phase != v1alpha1.BackupSealed || set.Status.Grade != v1alpha1.GradeTorn) {
			t.Errorf("%s\n%s", ended.Output, out)
		}
	}
}
