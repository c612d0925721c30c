package backup

import (
	"slices"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
)

// Due is whether a policy's next set is due.
type Due struct {
	// Last is the newest of its sets, or the run that may become one; nil if there is none.
	Last *Set
	// Unfinished is one that has not come to its end, at work or dead; nil if there is none.
	Unfinished *Set
	// Next is when it is due by its cron; zero if it has no cron. A policy that has no set
	// yet is due at once.
	Next time.Time
	// Now: that time has come. However many times were missed, it is one set.
	Now bool
}

// DueOf says when a policy is due, by the sets that its members remember. A set that is
// torn counts: it is not made again before its time.
func DueOf(p *v1alpha1.BackupSchedule, sets []Set, now time.Time) (Due, error) {
	due := Due{}
	for i := range sets { // the newest first
		s := &sets[i]
		if s.Execution.Spec.Policy.Name != p.Name || s.Execution.Status.Phase == v1alpha1.BackupAborted {
			continue
		}
		if due.Last == nil {
			due.Last = s
		}
		if due.Unfinished == nil && !s.Ended() {
			due.Unfinished = s
		}
	}
	if p.Spec.Cron == "" {
		return due, nil
	}
	if due.Last == nil {
		due.Next, due.Now = now, true
		return due, nil
	}
	var err error
	due.Next, err = policy.Next(p, due.Last.Execution.Status.Started.Time)
	due.Now = err == nil && !now.Before(due.Next)
	return due, err
}

// Surplus are the sets of a policy that its retention does not keep: those that are
// older than the newest ones that are complete and good enough. Without a retention
// there are none, and Velero's ttl alone counts.
func Surplus(p *v1alpha1.BackupSchedule, sets []Set) []Set {
	if p.Spec.Retention == 0 {
		return nil
	}
	good := 0
	var surplus []Set
	for _, s := range sets { // the newest first
		e := &s.Execution
		if e.Spec.Policy.Name != p.Name || !s.Ended() {
			continue
		}
		if good >= p.Spec.Retention {
			surplus = append(surplus, s)
			continue
		}
		if isGood(p, e) {
			good++
		}
	}
	return slices.Clip(surplus)
}

// FindNewest finds the newest set of a policy that is complete and good enough for it; nil
// if there is none. newer are those that are not, and the runs that may become sets.
func FindNewest(p *v1alpha1.BackupSchedule, sets []Set) (found *Set, newer []Set) {
	for i := range sets { // the newest first
		e := &sets[i].Execution
		switch {
		case e.Spec.Policy.Name != p.Name || e.Status.Phase == v1alpha1.BackupAborted:
		case isGood(p, e):
			return &sets[i], newer
		default:
			newer = append(newer, sets[i])
		}
	}
	return nil, newer
}

// isGood is true for a set that is complete and of the policy's minimum grade.
func isGood(p *v1alpha1.BackupSchedule, e *v1alpha1.BackupExecution) bool {
	return e.Status.Phase == v1alpha1.BackupSealed && e.Status.Complete && set.Better(e.Status.Grade, p.Spec.MinimumGrade)
}
