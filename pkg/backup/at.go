package backup

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// FindAt finds the newest set that was sealed at a time or before. Without a policy's
// name all sets must be of one.
func FindAt(sets []Set, policy string, at time.Time) (Set, error) {
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
		sealed := e.Status.Sealed
		if !sealed.After(at) && (newest == nil || newest.Execution.Status.Sealed.Before(&sealed)) {
			newest = &sets[i]
		}
	}
	slices.Sort(policies)
	switch {
	case len(policies) > 1:
		return Set{}, fmt.Errorf("there are sets of %s: name one of them", strings.Join(policies, ", "))
	case newest == nil:
		return Set{}, &NotFoundError{Name: strings.TrimSpace(policy + " of " + at.UTC().Format(time.RFC3339) + " or before")}
	}
	return *newest, nil
}
