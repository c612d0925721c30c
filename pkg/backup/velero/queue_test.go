package velero_test

import (
	"testing"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

// A queue stands still if Backups wait, none is made, and nothing has happened for longer
// than Velero lets its queue be.
func TestStandstill(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	made := func(name string, phase velerov1.BackupPhase, ago time.Duration) *velerov1.Backup {
		return &velerov1.Backup{
			ObjectMeta: metav1.ObjectMeta{Namespace: "velero", Name: name, CreationTimestamp: metav1.NewTime(now.Add(-ago))},
			Status:     velerov1.BackupStatus{Phase: phase},
		}
	}
	ended := func(ago time.Duration) *velerov1.Backup {
		b := made("ended", velerov1.BackupPhaseCompleted, time.Hour)
		b.Status.CompletionTimestamp = new(metav1.NewTime(now.Add(-ago)))
		return b
	}
	for name, c := range map[string]struct {
		backups []*velerov1.Backup
		first   string
		still   time.Duration
	}{
		"nothing":        {},
		"nothing waits":  {backups: []*velerov1.Backup{ended(time.Hour)}},
		"new":            {backups: []*velerov1.Backup{made("a", "", 10*time.Minute)}, first: "a", still: 10 * time.Minute},
		"just asked for": {backups: []*velerov1.Backup{made("a", velerov1.BackupPhaseQueued, time.Minute), ended(time.Hour)}},
		"behind one that is made": {backups: []*velerov1.Backup{
			made("a", velerov1.BackupPhaseQueued, time.Hour), made("b", velerov1.BackupPhaseInProgress, 2*time.Hour),
		}},
		"behind one in a phase to come": {backups: []*velerov1.Backup{
			made("a", velerov1.BackupPhaseQueued, time.Hour), made("b", "OfTheNextRelease", 2*time.Hour),
		}},
		"its turn has just come": {backups: []*velerov1.Backup{made("a", velerov1.BackupPhaseQueued, time.Hour), ended(time.Minute)}},
		"its turn came long ago": {
			backups: []*velerov1.Backup{
				made("b", velerov1.BackupPhaseQueued, 30*time.Minute), made("a", velerov1.BackupPhaseQueued, time.Hour), ended(2 * time.Minute),
			},
			first: "a", still: 2 * time.Minute,
		},
		"forgotten": {backups: []*velerov1.Backup{made("a", velerov1.BackupPhaseReadyToStart, time.Hour)}},
		"beside one that is forgotten": {
			backups: []*velerov1.Backup{made("a", velerov1.BackupPhaseReadyToStart, time.Hour), made("b", velerov1.BackupPhaseQueued, 2*time.Minute)},
			first:   "b", still: 2 * time.Minute,
		},
		"one was not even begun": {
			backups: []*velerov1.Backup{made("a", velerov1.BackupPhaseQueued, time.Hour), made("b", velerov1.BackupPhaseFailedValidation, 3*time.Minute)},
			first:   "a", still: 3 * time.Minute,
		},
		"what is made of one is being written": {
			backups: []*velerov1.Backup{made("a", velerov1.BackupPhaseQueued, time.Hour), made("b", velerov1.BackupPhaseFinalizing, 2*time.Hour)},
			first:   "a", still: time.Hour,
		},
	} {
		still := velero.Standstill(c.backups, now)
		switch {
		case (still != nil) != (c.first != ""):
			t.Errorf("%s: %v", name, still)
		case still != nil && (still.Backup != c.first || still.For != c.still || still.Namespace != "velero"):
			t.Errorf("%s: %+v", name, still)
		}
	}
}
