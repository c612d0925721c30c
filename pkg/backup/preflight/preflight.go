package preflight

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Finding is what a check has found, and what a person can do about it.
type Finding = v1alpha1.BackupFinding

// The checks, as Finding.Check has them.
const (
	CheckRights   = "Rights"
	CheckVelero   = "Velero"
	CheckLocation = "Location"
	CheckQueue    = "Queue"
	CheckSchedule = "Schedule"
	CheckHolds    = "Holds"
	CheckVolumes  = "Volumes"
	// CheckNamespaces is about those that the policy names.
	CheckNamespaces = "Namespaces"
	// CheckSelector is about the labels of what is backed up.
	CheckSelector = "Selector"
	CheckBudget   = "Budget"
	CheckOptional = "NotLookedAt"
)

// Report is what was found in one member.
type Report struct {
	// Refusals are why nothing may be begun there.
	Refusals []Finding
	// Warnings keep nobody from it.
	Warnings []Finding
	// Member is the beginning of its part of the journal.
	Member v1alpha1.MemberExecution
	// Store is where its location is: two that have the same and one place in it spoil
	// each other's backups.
	Store string
	// CutBudget is how long its cut takes, by estimate.
	CutBudget time.Duration
}

func (r *Report) refuse(check, fix, format string, args ...any) {
	r.Refusals = append(r.Refusals, Finding{Check: check, Message: fmt.Sprintf(format, args...), Fix: fix})
}

func (r *Report) warn(check, fix, format string, args ...any) {
	r.Warnings = append(r.Warnings, Finding{Check: check, Message: fmt.Sprintf(format, args...), Fix: fix})
}

// Look looks at one member. state is the namespace that remembers runs; empty: it is not
// asked whether one may write there. An error is that the member cannot be looked at: it
// does not answer, or not as a cluster does. All else is in the report.
func Look(ctx context.Context, m *member.Member, policy *v1alpha1.BackupSchedule, of v1alpha1.BackupMember, holds []v1alpha1.Hold, state string) (Report, error) {
	f, err := gather(ctx, m, policy, of, holds, state)
	if err != nil {
		return Report{}, err
	}
	return f.Judge(), nil
}
