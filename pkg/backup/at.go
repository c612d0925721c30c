package backup

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// Point is the time that a set is of: when all was still, or when all Backups were about
// to be asked for. began: that was not written down, and it is when the run began.
func Point(e *v1alpha1.BackupExecution) (at time.Time, began bool) {
	if !e.Status.At.IsZero() {
		return e.Status.At.Time, false
	}
	return e.Status.Started.Time, true
}

// FindAt finds the set that is of a time, or of the last one before it, and the one that
// is next after it; nil if there is none. Without a policy's name all sets must be of one.
// When a set was sealed does not matter: Velero may have taken hours.
func FindAt(sets []Set, policy string, at time.Time) (found Set, next *Set, err error) {
	var newest *Set
	var policies []string
	for i := range sets {
		e := &sets[i].Execution
		of := e.Spec.Policy.Name
		if e.Status.Phase != v1alpha1.BackupSealed || policy != "" && of != policy {
			continue
		}
		if !slices.Contains(policies, of) {
			policies = append(policies, of)
		}
		point, _ := Point(e)
		switch {
		case point.After(at):
			if next == nil || point.Before(pointOf(next)) {
				next = &sets[i]
			}
		case newest == nil || point.After(pointOf(newest)):
			newest = &sets[i]
		}
	}
	slices.Sort(policies)
	switch {
	case len(policies) > 1:
		return Set{}, nil, fmt.Errorf("there are sets of %s: name one of them", strings.Join(policies, ", "))
	case newest == nil:
		return Set{}, next, &NotFoundError{Name: policy, By: at}
	}
	return *newest, next, nil
}

func pointOf(s *Set) time.Time {
	at, _ := Point(&s.Execution)
	return at
}
