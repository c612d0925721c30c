package preflight

import (
	"slices"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

const (
	// poll is how long Velero waits before it looks for a snapshot's handle, and so what
	// each costs at least; earlyPoll where it was told to look sooner.
	poll      = 5 * time.Second
	earlyPoll = time.Second
	// lists is what a Backup without any volume takes: it lists, and writes.
	lists = 5 * time.Second
)

// cutBudget is how long a cut takes, by estimate: each worker takes one snapshot after
// the other.
func cutBudget(volumes []v1alpha1.BackupVolume, s ServerOptions) time.Duration {
	snapshots := 0
	for _, v := range volumes {
		if v.Method == velero.ByCSI || v.Method == velero.ByNative {
			snapshots++
		}
	}
	each := poll
	if s.Early {
		each = earlyPoll
	}
	workers := max(1, s.Workers)
	return max(lists, time.Duration((snapshots+workers-1)/workers)*each)
}

// judgeBudget sets how long the cut takes, and refuses one that cannot be over in time.
func (f *Facts) judgeBudget(r *Report) {
	r.CutBudget = cutBudget(r.Member.Volumes, f.Server)
	if most := f.Policy.Spec.MaxFreeze.Duration; len(f.Policy.Spec.Quiesce) > 0 && r.CutBudget > most {
		r.refuse(CheckBudget, "give Velero more --item-block-worker-count, or "+earlyPolling+"=true; or hold longer (maxFreeze)", "its cut takes about %s (%d volumes, %d workers), and all may be held still for %s", r.CutBudget, len(r.Member.Volumes), max(1, f.Server.Workers), most)
	}
}

// judgeNamespaces refuses names that nobody has: a Backup of one is PartiallyFailed,
// after all was held still for it.
func (f *Facts) judgeNamespaces(r *Report) {
	if f.Namespaces == nil { // nobody may know
		return
	}
	for _, n := range f.Spec.IncludedNamespaces {
		if !policy.IsPattern(n) && !slices.Contains(f.Namespaces, n) {
			r.refuse(CheckNamespaces, "correct includedNamespaces (--include-namespaces), or give this member its own with the field velero of members", "there is no namespace %q", n)
		}
	}
}

// Judge says what follows from the facts.
func (f *Facts) Judge() Report {
	r := Report{Member: f.Member}
	f.judgeRights(&r)
	f.judgeProblems(&r)
	f.judgeVelero(&r)
	f.judgeLocation(&r)
	f.judgeQueue(&r)
	f.judgeSchedules(&r)
	f.judgeNamespaces(&r)
	f.judgeSelected(&r) // of the namespaces
	f.judgeVolumes(&r)
	f.judgeAgent(&r)  // of the volumes
	f.judgeBudget(&r) // of the volumes
	f.judgeHolds(&r)  // of the budget
	return r
}
