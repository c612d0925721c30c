package velero

import (
	"fmt"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// standing is how long nothing may happen in a queue in which Backups wait. Velero looks
// at its queue when one ends, and once a minute (its backup_queue_controller.go).
const standing = 90 * time.Second

// StandstillError is a queue of Velero's that does not go on: Backups wait in it, and none
// is made.
type StandstillError struct {
	// Namespace is Velero's, and Backup the one that has waited longest.
	Namespace, Backup string
	Phase             velerov1.BackupPhase
	// For is how long nothing has happened.
	For time.Duration
}

func (e *StandstillError) Error() string {
	return fmt.Sprintf("Velero's queue stands still: Backup %s is %s, and none has been made for %s", e.Backup, e.Phase, e.For.Round(time.Second))
}

// Reason classifies the failure.
func (*StandstillError) Reason() member.Reason { return member.ReasonUnhealthy }

// Remedy is what sets the queue going again: Velero 1.18.0 to 1.18.3 may count a Backup
// that has ended, or that they could not begin, for ever (velero-io/velero#10519).
func (e *StandstillError) Remedy() string {
	return fmt.Sprintf("restart Velero, which may have lost count (velero-io/velero#10519): kubectl -n %s rollout restart deployment/velero", e.Namespace)
}

// Standstill looks at all Backups of a Velero, at a time of its cluster's clock, and
// returns nil if its queue goes on, or has nothing in it.
func Standstill(backups []*velerov1.Backup, now time.Time) *StandstillError {
	var first *velerov1.Backup
	var last time.Time // that something happened
	for _, b := range backups {
		phase := b.Status.Phase
		if phase == velerov1.BackupPhaseReadyToStart {
			continue // one that Velero forgot when it was restarted holds nobody up
		}
		if IsWaiting(phase) {
			if first == nil || b.CreationTimestamp.Before(&first.CreationTimestamp) {
				first = b
			}
			continue
		}
		if !IsCut(phase) && !IsTerminal(phase) {
			return nil // it is being made
		}
		for _, at := range []*metav1.Time{&b.CreationTimestamp, b.Status.StartTimestamp, b.Status.CompletionTimestamp} {
			if at != nil && at.After(last) {
				last = at.Time
			}
		}
	}
	if first == nil {
		return nil
	}
	if first.CreationTimestamp.After(last) {
		last = first.CreationTimestamp.Time
	}
	if still := now.Sub(last); still > standing {
		return &StandstillError{Namespace: first.Namespace, Backup: first.Name, Phase: Named(first.Status.Phase), For: still}
	}
	return nil
}
