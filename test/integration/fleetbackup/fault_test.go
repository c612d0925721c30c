package fleetbackup_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	addon "github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
)

// One Velero is killed in the cut, which lasts because the store hangs: its Backup is
// Failed when it is back, its member is missing, and the other's is there.
func TestVeleroKilledInTheCut(t *testing.T) {
	f := bed(t)
	policy := "killed" + time.Now().UTC().Format("150405")
	for _, cluster := range []string{"c1", "c2"} {
		shop(t, cluster, policy)
	}
	ended := make(chan string, 1)
	begin := func() {
		_, said := run(t, "create", policy, "-C", "c1,c2", "--include-namespaces", policy, "--yes")
		ended <- said
	}
	t.Run("in the cut", func(t *testing.T) {
		f.Hang(t, addon.Store)
		go begin()
		awaitPhase(t, "c1", "fb-"+policy, velerov1.BackupPhaseInProgress)
		awaitPhase(t, "c2", "fb-"+policy, velerov1.BackupPhaseInProgress)
		t.Run("killed", func(t *testing.T) { killVelero(t, "c2") })
		awaitPhase(t, "c2", "fb-"+policy, velerov1.BackupPhaseFailed)
	})
	said := <-ended
	name := nameOf(t, policy, said)
	if !strings.Contains(said, "c2 is missing: Backup fb-"+name+"-c2-") || !strings.Contains(said, "is Failed") {
		t.Errorf("said: %s", said)
	}
	forget(t, name, "c1", "c2")
}

// A store that hangs is waited for as long as was said; then Velero goes on alone, and
// recover has the rest.
func TestStoreHangs(t *testing.T) {
	f := bed(t)
	for _, cluster := range []string{"c1", "c2"} {
		shop(t, cluster, "hanging")
	}
	said := ""
	t.Run("in the cut", func(t *testing.T) {
		f.Hang(t, addon.Store)
		said = plugin(t, cli.ExitTimeout, "create", "hanging", "-C", "c1,c2", "--include-namespaces", "hanging", "--timeout", "2s", "--yes")
		if !strings.Contains(said, "have not ended within 2s (c1: InProgress, c2: InProgress)") {
			t.Errorf("said: %s", said)
		}
	})
	name := nameOf(t, "hanging", said)
	if said = plugin(t, cli.ExitOK, "recover", name, "-C", "c1,c2"); !strings.Contains(said, "2/2") {
		t.Errorf("recovered: %s", said)
	}
	forget(t, name, "c1", "c2")
}

// A store that refuses fails the Backups at once, and there is no set.
func TestStoreRefuses(t *testing.T) {
	f := bed(t)
	shop(t, "c1", "refused")
	said := ""
	t.Run("in the cut", func(t *testing.T) {
		f.Kill(t, addon.Store)
		said = plugin(t, cli.ExitFailed, "create", "refused", "-C", "c1", "--include-namespaces", "refused", "--yes")
	})
	name := nameOf(t, "refused", said)
	if !strings.Contains(said, "c1 is missing: Backup fb-"+name+"-c1-") {
		t.Errorf("said: %s", said)
	}
	plugin(t, cli.ExitRefused, "delete", name, "-C", "c1", "--yes") // the store does not have its manifest
	plugin(t, cli.ExitFailed, "recover", name, "-C", "c1")
	forget(t, name, "c1")
}

// awaitPhase waits until a cluster has a Backup whose name begins so in a phase.
func awaitPhase(t *testing.T, cluster, prefix string, phase velerov1.BackupPhase) {
	t.Helper()
	s := serverOf(t, cluster)
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		all, err := s.Backups(t.Context(), "")
		if slices.ContainsFunc(all, func(b *velerov1.Backup) bool { return strings.HasPrefix(b.Name, prefix) && b.Status.Phase == phase }) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no Backup %s in %s is %s: %v", prefix, cluster, phase, err)
		}
	}
}
