package velero_test

import (
	"testing"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

func TestPhases(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		phase               velerov1.BackupPhase
		waits, cut, endedIs bool
	}{
		{phase: "", waits: true},
		{phase: velerov1.BackupPhaseNew, waits: true},
		{phase: velerov1.BackupPhaseQueued, waits: true},
		{phase: velerov1.BackupPhaseReadyToStart, waits: true},
		{phase: velerov1.BackupPhaseInProgress},
		{phase: "OfTheNextRelease"},
		{phase: velerov1.BackupPhaseWaitingForPluginOperations, cut: true},
		{phase: velerov1.BackupPhaseWaitingForPluginOperationsPartiallyFailed, cut: true},
		{phase: velerov1.BackupPhaseFinalizing, cut: true},
		{phase: velerov1.BackupPhaseFinalizingPartiallyFailed, cut: true},
		{phase: velerov1.BackupPhaseCompleted, cut: true, endedIs: true},
		{phase: velerov1.BackupPhasePartiallyFailed, cut: true, endedIs: true},
		{phase: velerov1.BackupPhaseFailed, endedIs: true},
		{phase: velerov1.BackupPhaseFailedValidation, endedIs: true},
		{phase: velerov1.BackupPhaseDeleting, endedIs: true},
	} {
		if waits, cut, ended := velero.IsWaiting(c.phase), velero.IsCut(c.phase), velero.IsTerminal(c.phase); waits != c.waits || cut != c.cut || ended != c.endedIs {
			t.Errorf("%q: waits %t, cut %t, ended %t", c.phase, waits, cut, ended)
		}
	}
}
