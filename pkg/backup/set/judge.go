package set

import (
	"fmt"
	"slices"
	"strings"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
)

// Judge says what a run has come to: its grade, whether it is complete, and why it is
// no better. It knows nothing but what was written down, and what was not written
// down did not happen.
//
// All instants are of one clock, around calls that were answered: what was known to be
// still at q was still when the Backup was asked for at s, if q <= s; and so was it
// when the last cut was known to be over at e, if that is before u, when the first
// release began. No two clocks are compared.
//
// doubt is why the run's clock cannot be relied on; "" if it can.
func Judge(e *v1alpha1.BackupExecution, doubt string) {
	s := &e.Status
	s.Why = nil
	for i := range s.Members {
		m := &s.Members[i]
		if m.Missing == "" {
			m.Missing = missing(m)
		}
	}
	// An optional member whose Backup fails its proof is left out, and the others are
	// judged again.
	for {
		grade, at, why := grade(e, doubt)
		s.Grade = grade
		if grade != v1alpha1.GradeTorn || at == nil || at.Required || at.Missing != "" || len(in(e)) == 1 {
			if why != "" {
				s.Why = append(s.Why, why)
			}
			break
		}
		at.Missing = "it is torn: " + why
	}
	s.Complete = true
	for i := range s.Members {
		m := &s.Members[i]
		if m.Missing != "" {
			s.Complete = false
			s.Why = append(s.Why, m.Cluster+" is missing: "+m.Missing)
			continue
		}
		for _, v := range m.Volumes {
			if v.Skipped != "" {
				s.Complete = false
				s.Why = append(s.Why, fmt.Sprintf("%s: the data of %s/%s are missing: %s", m.Cluster, v.Namespace, v.Claim, v.Skipped))
			}
		}
	}
	covers(e)
	for _, external := range e.Spec.Policy.Spec.External {
		s.Why = append(s.Why, external+" is outside of the barrier")
	}
	measure(e)
}

// covers says of which members the volumes alone were cut while all was still.
func covers(e *v1alpha1.BackupExecution) {
	e.Status.Covers = ""
	if e.Status.Grade != v1alpha1.GradeQuiesced {
		return
	}
	var some []string
	for _, m := range in(e) {
		if m.CutBy == v1alpha1.CutByVolumes {
			some = append(some, m.Cluster)
		}
	}
	if len(some) > 0 {
		e.Status.Covers = v1alpha1.CutVolumes
		e.Status.Why = append(e.Status.Why, "of "+strings.Join(some, ", ")+" the volumes alone are of that point in time: objects were read after the release (cut: Volumes)")
	}
}

// missing is why a member has no Backup that can be relied on; "" if it has one.
func missing(m *v1alpha1.MemberExecution) string {
	b := m.Backup
	switch {
	case b.UID == "":
		return "no Backup is known to have been made"
	case b.Phase != string(velerov1.BackupPhaseCompleted):
		text := fmt.Sprintf("Backup %s is %s", b.Name, b.Phase)
		if b.Phase == "" {
			text = fmt.Sprintf("Backup %s has no phase", b.Name)
		}
		if b.Reason != "" {
			text += ": " + b.Reason
		}
		if m.Location.Bucket != "" && b.Phase == string(velerov1.BackupPhaseFailed) {
			text += " (" + m.Location.String() + ")"
		}
		return text
	case b.Items == 0:
		return fmt.Sprintf("Backup %s has no items: its filters match nothing", b.Name)
	case b.Unselected:
		return fmt.Sprintf("Backup %s has Namespaces alone: its selector matches nothing in them", b.Name)
	}
	return ""
}

// in are the members that are in the set.
func in(e *v1alpha1.BackupExecution) []*v1alpha1.MemberExecution {
	var members []*v1alpha1.MemberExecution
	for i := range e.Status.Members {
		if m := &e.Status.Members[i]; m.Missing == "" {
			members = append(members, m)
		}
	}
	return members
}

// grade judges the members that are in the set. Of a torn one it names the member
// whose proof fails.
func grade(e *v1alpha1.BackupExecution, doubt string) (v1alpha1.BackupGrade, *v1alpha1.MemberExecution, string) {
	members := in(e)
	if len(members) == 0 && len(e.Spec.Policy.Spec.Quiesce) == 0 {
		return v1alpha1.GradeIndependent, nil, "no member has a Backup that can be relied on"
	}
	if len(members) == 0 {
		return v1alpha1.GradeTorn, nil, "no member has a Backup that can be relied on"
	}
	if len(e.Spec.Policy.Spec.Quiesce) == 0 {
		return unquiesced(members)
	}
	if doubt != "" {
		return v1alpha1.GradeTorn, nil, doubt
	}
	// If holds are hard, what is stored in a member is still while its own last. Else
	// each is part of the stillness of all, also those of a member that is missing.
	hard := policy.AllHard(&e.Spec.Policy)
	var holders []*v1alpha1.MemberExecution
	for i := range e.Status.Members {
		if m := &e.Status.Members[i]; holds(e, m) && (!hard || m.Missing == "") {
			holders = append(holders, m)
		}
	}
	if len(holders) == 0 {
		return v1alpha1.GradeTorn, nil, "nothing was held still in any member"
	}
	quiet := int64(0)
	for _, m := range holders {
		if why := unheld(m); why != "" {
			return v1alpha1.GradeTorn, m, why
		}
		quiet = max(quiet, *m.Instants.Quiet)
	}
	for _, m := range members {
		if why := untimed(m); why != "" {
			return v1alpha1.GradeTorn, m, why
		}
		if *m.Instants.Asked < quiet {
			return v1alpha1.GradeTorn, m, fmt.Sprintf("the Backup of %s was asked for before all was still", m.Cluster)
		}
		for _, h := range holders {
			if hard && h != m && holds(e, m) {
				continue
			}
			if why := released(h, *m.Instants.Cut); why != "" {
				return v1alpha1.GradeTorn, m, fmt.Sprintf("%s before the cut of %s was known to be over", why, m.Cluster)
			}
		}
	}
	return v1alpha1.GradeQuiesced, nil, ""
}

// untimed is why it is not known when a member's Backup was made; "" if it is.
func untimed(m *v1alpha1.MemberExecution) string {
	switch {
	case m.Instants.Asked == nil:
		return "when the Backup of " + m.Cluster + " was asked for is not known"
	case m.Instants.Cut == nil && m.Uncut != "":
		return "when the cut of " + m.Cluster + " was over is not known: " + m.Uncut
	case m.Instants.Cut == nil:
		return "when the cut of " + m.Cluster + " was over is not known"
	}
	return ""
}

// holds is true if the policy has something to be held still in a member.
func holds(e *v1alpha1.BackupExecution, m *v1alpha1.MemberExecution) bool {
	for _, wave := range e.Spec.Policy.Spec.Quiesce {
		for _, a := range wave.Actions {
			if policy.For(a.Clusters, m.Cluster) {
				return true
			}
		}
	}
	return false
}

// unquiesced is the grade where nothing was asked to be still: whether there was an
// instant at which every Backup was being made.
func unquiesced(members []*v1alpha1.MemberExecution) (v1alpha1.BackupGrade, *v1alpha1.MemberExecution, string) {
	var last int64
	for _, m := range members {
		if m.Instants.Asked == nil || m.Instants.Cut == nil {
			why := "when the Backup of " + m.Cluster + " was made is not known"
			if m.Uncut != "" {
				why += ": " + m.Uncut
			}
			return v1alpha1.GradeIndependent, nil, why
		}
		last = max(last, *m.Instants.Asked)
	}
	for _, m := range members {
		if *m.Instants.Cut < last {
			return v1alpha1.GradeIndependent, nil, "the Backup of " + m.Cluster + " was over before the last one was asked for"
		}
	}
	return v1alpha1.GradeAligned, nil, "nothing was held still: each member has its own point in time"
}

// unheld is why it is not known that a member was still until we released it; "" if
// it is.
func unheld(m *v1alpha1.MemberExecution) string {
	if len(m.Holds) == 0 {
		return "nothing was held still in " + m.Cluster
	}
	if m.Unheld != "" {
		return m.Cluster + ": " + m.Unheld
	}
	if m.Instants.Quiet == nil || m.Instants.Release == nil {
		return "since when " + m.Cluster + " was still, or until when, is not known"
	}
	for _, h := range m.Holds {
		what := fmt.Sprintf("%s: %s/%s", m.Cluster, h.Namespace, h.Name)
		switch {
		case h.State != v1alpha1.HoldReleased && h.Why != "":
			return what + ": " + h.Why
		case h.State != v1alpha1.HoldReleased:
			return what + " is not known to have been still until we released it"
		case h.TTLSeconds > 0 && h.ArmedMillis == nil:
			return what + ": when its deadman was armed is not known"
		}
	}
	return ""
}

// released is who may have ended the stillness of a member before a cut; "" if nobody.
func released(m *v1alpha1.MemberExecution, cut int64) string {
	if cut > *m.Instants.Release {
		return m.Cluster + " was released"
	}
	for _, h := range m.Holds {
		if h.TTLSeconds > 0 && cut >= *h.ArmedMillis+int64(h.TTLSeconds)*1000 {
			return fmt.Sprintf("the deadman of %s: %s/%s may have fired", m.Cluster, h.Namespace, h.Name)
		}
	}
	return ""
}

// measure sets the figures of a set.
func measure(e *v1alpha1.BackupExecution) {
	s := &e.Status
	span := func(from, to func(v1alpha1.BackupInstants) *int64) *int64 {
		var first, last []int64
		for _, m := range in(e) {
			if at := from(m.Instants); at != nil {
				first = append(first, *at)
			}
			if at := to(m.Instants); at != nil {
				last = append(last, *at)
			}
		}
		if len(first) == 0 || len(last) == 0 {
			return nil
		}
		return new(slices.Max(last) - slices.Min(first))
	}
	quiet := func(i v1alpha1.BackupInstants) *int64 { return i.Quiet }
	s.BarrierWidthMillis = span(quiet, quiet)
	s.CutSpanMillis = span(func(i v1alpha1.BackupInstants) *int64 { return i.Asked }, func(i v1alpha1.BackupInstants) *int64 { return i.Cut })
	s.FrozenMillis = span(func(i v1alpha1.BackupInstants) *int64 { return i.Armed }, func(i v1alpha1.BackupInstants) *int64 { return i.Released })
	s.Expires.Reset()
	for _, m := range in(e) {
		if at := m.Expires(m.Backup.Expires); !at.IsZero() && (s.Expires.IsZero() || at.Before(&s.Expires)) {
			s.Expires = at
		}
	}
}

// Better is true if a grade is at least as good as another.
func Better(is, than v1alpha1.BackupGrade) bool {
	order := []v1alpha1.BackupGrade{v1alpha1.GradeTorn, v1alpha1.GradeIndependent, v1alpha1.GradeAligned, v1alpha1.GradeQuiesced}
	return slices.Index(order, is) >= slices.Index(order, than)
}
