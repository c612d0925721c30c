package velero

import velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

// IsCut is true for a Backup that has read all it will ever read of the cluster, and
// has not failed: what happens from now on is not in it. A phase that is not known is
// taken for one before that.
func IsCut(p velerov1.BackupPhase) bool {
	switch p { //nolint:exhaustive // and who knows which to come
	case velerov1.BackupPhaseWaitingForPluginOperations, velerov1.BackupPhaseWaitingForPluginOperationsPartiallyFailed,
		velerov1.BackupPhaseFinalizing, velerov1.BackupPhaseFinalizingPartiallyFailed,
		velerov1.BackupPhaseCompleted, velerov1.BackupPhasePartiallyFailed:
		return true
	}
	return false
}

// IsTerminal is true for a Backup that nothing more will come of: it has ended, or is
// being deleted. A phase that is not known is taken for one of work, and so are those
// in which what is partially failed is waited for.
func IsTerminal(p velerov1.BackupPhase) bool {
	switch p { //nolint:exhaustive // and who knows which to come
	case velerov1.BackupPhaseCompleted, velerov1.BackupPhasePartiallyFailed, velerov1.BackupPhaseFailed,
		velerov1.BackupPhaseFailedValidation, velerov1.BackupPhaseDeleting:
		return true
	}
	return false
}

// IsWaiting is true for a Backup that Velero has not begun with.
func IsWaiting(p velerov1.BackupPhase) bool {
	switch p { //nolint:exhaustive // and who knows which to come
	case "", velerov1.BackupPhaseNew, velerov1.BackupPhaseQueued, velerov1.BackupPhaseReadyToStart:
		return true
	}
	return false
}

// Named is a phase by its name: a Backup that Velero has not seen yet is New.
func Named(p velerov1.BackupPhase) velerov1.BackupPhase {
	if p == "" {
		return velerov1.BackupPhaseNew
	}
	return p
}
