package preflight

import (
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

// stuck is how long a Backup may be about to start. Velero forgets one whose turn had
// come when it was restarted, and begins others.
const stuck = time.Minute

// judgeQueue: a Backup that has to wait for its turn is not cut while all is held still.
func (f *Facts) judgeQueue(r *Report) {
	if still := velero.Standstill(f.Backups, f.Now); still != nil {
		r.refuse(CheckQueue, still.Remedy(), "%s", still)
		return // nothing comes of waiting for the others
	}
	ours := scopeOf(f.Spec)
	var others []*velerov1.Backup
	for _, b := range f.Backups {
		if b.Status.Phase != velerov1.BackupPhaseInProgress && !velero.IsWaiting(b.Status.Phase) {
			continue
		}
		age := f.Now.Sub(b.CreationTimestamp.Time).Round(time.Second)
		switch common := shared(ours, scopeOf(b.Spec), f.Namespaces); {
		case b.Status.Phase == velerov1.BackupPhaseReadyToStart && age > stuck:
			r.refuse(CheckQueue, "restart Velero if it does not begin, or delete that Backup", "Backup %s was made %s ago, and is ReadyToStart: whatever comes after it waits", b.Name, age)
		case common != "":
			r.refuse(CheckQueue, "wait until it has ended", "Backup %s is %s, and has namespace %s, too", b.Name, velero.Named(b.Status.Phase), common)
		default:
			others = append(others, b)
		}
	}
	if len(others) >= f.concurrent() {
		r.refuse(CheckQueue, "wait until it has ended, or give Velero more --concurrent-backups", "Backup %s has not ended, and Velero makes %d at once", others[0].Name, f.concurrent())
	}
}

func (f *Facts) concurrent() int { return max(1, f.Server.Concurrent) }

// tick is how often Velero looks whether a Schedule is due.
const tick = time.Minute

// judgeSchedules: one that is due within the window would come before ours, or beside it.
func (f *Facts) judgeSchedules(r *Report) {
	until := f.Now.Add(policy.TTL(f.Policy))
	for _, s := range f.Schedules {
		next, err := velero.NextRun(s)
		switch {
		case err != nil:
			r.warn(CheckSchedule, "", "when Schedule %s is due is not known: %v", s.Name, err)
		case next.IsZero() || next.After(until):
		default:
			r.refuse(CheckSchedule, "try again after "+next.Add(tick).UTC().Format(time.TimeOnly)+" UTC, or pause it", "Schedule %s is due at %s: its Backup would come between", s.Name, next.UTC().Format(time.RFC3339))
		}
	}
}
