package backup_test

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
)

func setOf(policy string, started time.Time, phase v1alpha1.BackupPhase, grade v1alpha1.BackupGrade) backup.Set {
	s := backup.Set{At: []backup.Location{{Phase: phase}}}
	s.Execution.Spec.Policy.Name = policy
	s.Execution.Name = policy + started.Format("-1504")
	s.Execution.Status = v1alpha1.BackupExecutionStatus{Phase: phase, Started: metav1.NewTime(started), Grade: grade, Complete: true}
	return s
}

func TestDueOf(t *testing.T) {
	t.Parallel()
	at := func(hour int) time.Time { return time.Date(2026, 11, 21, hour, 30, 0, 0, time.UTC) }
	p := &v1alpha1.BackupSchedule{Spec: v1alpha1.BackupScheduleSpec{Cron: "0 * * * *"}}
	p.Name = "shop"
	for _, test := range []struct {
		what string
		sets []backup.Set
		now  time.Time
		due  bool
	}{
		{"there is none", nil, at(3), true},
		{"there is one of another", []backup.Set{setOf("other", at(3), v1alpha1.BackupSealed, v1alpha1.GradeQuiesced)}, at(3), true},
		{"not yet", []backup.Set{setOf("shop", at(3), v1alpha1.BackupSealed, v1alpha1.GradeQuiesced)}, at(3).Add(20 * time.Minute), false},
		{"an hour later", []backup.Set{setOf("shop", at(3), v1alpha1.BackupSealed, v1alpha1.GradeQuiesced)}, at(4), true},
		{"a torn one counts", []backup.Set{setOf("shop", at(3), v1alpha1.BackupSealed, v1alpha1.GradeTorn)}, at(3).Add(time.Minute), false},
		{"one that came to nothing does not", []backup.Set{setOf("shop", at(3), v1alpha1.BackupAborted, "")}, at(3).Add(time.Minute), true},
		{"many were missed", []backup.Set{setOf("shop", at(3), v1alpha1.BackupSealed, v1alpha1.GradeQuiesced)}, at(20), true},
	} {
		due, err := backup.DueOf(p, test.sets, test.now)
		if err != nil || due.Now != test.due {
			t.Errorf("%s: %+v, %v", test.what, due, err)
		}
	}
}

// What is kept is counted in sets that can be relied on: a row of torn ones does not
// push the last good one out.
func TestSurplus(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var sets []backup.Set
	for i, grade := range []v1alpha1.BackupGrade{"Torn", "Torn", "Quiesced", "Aligned", "Quiesced", "Quiesced", "Torn"} {
		sets = append(sets, setOf("shop", now.Add(-time.Duration(i)*time.Hour), v1alpha1.BackupSealed, grade))
	}
	sets = append(sets, setOf("other", now.Add(-10*time.Hour), v1alpha1.BackupSealed, "Quiesced"), setOf("shop", now.Add(-11*time.Hour), v1alpha1.BackupCutting, ""))
	p := &v1alpha1.BackupSchedule{Spec: v1alpha1.BackupScheduleSpec{Retention: 2, MinimumGrade: v1alpha1.GradeQuiesced}}
	p.Name = "shop"
	surplus := backup.Surplus(p, sets)
	if len(surplus) != 2 || surplus[0].Execution.Name != sets[5].Execution.Name || surplus[1].Execution.Name != sets[6].Execution.Name {
		t.Errorf("%+v", surplus)
	}
	p.Spec.Retention = 0
	if surplus := backup.Surplus(p, sets); len(surplus) > 0 {
		t.Errorf("without a retention: %+v", surplus)
	}
}

// The newest set of a policy that can be relied on, and what is newer and is not.
func TestFindNewest(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	of := func(hour int, policy string, phase v1alpha1.BackupPhase, grade v1alpha1.BackupGrade) backup.Set {
		return setOf(policy, now.Add(-time.Duration(hour)*time.Hour), phase, grade)
	}
	lacking := of(4, "shop", v1alpha1.BackupSealed, v1alpha1.GradeQuiesced)
	lacking.Execution.Status.Complete = false
	sets := []backup.Set{
		of(0, "other", v1alpha1.BackupSealed, v1alpha1.GradeQuiesced), of(1, "shop", v1alpha1.BackupAborted, ""), of(2, "shop", v1alpha1.BackupFinishing, ""),
		of(3, "shop", v1alpha1.BackupSealed, v1alpha1.GradeTorn), lacking,
		of(5, "shop", v1alpha1.BackupSealed, v1alpha1.GradeAligned), of(6, "shop", v1alpha1.BackupSealed, v1alpha1.GradeQuiesced),
	}
	for _, test := range []struct {
		policy string
		least  v1alpha1.BackupGrade
		want   int // of sets; -1: none
		newer  int
	}{
		{"shop", v1alpha1.GradeAligned, 5, 3},
		{"shop", v1alpha1.GradeQuiesced, 6, 4},
		{"other", v1alpha1.GradeQuiesced, 0, 0},
		{"bank", v1alpha1.GradeIndependent, -1, 0},
	} {
		p := &v1alpha1.BackupSchedule{Spec: v1alpha1.BackupScheduleSpec{MinimumGrade: test.least}}
		p.Name = test.policy
		found, newer := backup.FindNewest(p, sets)
		is := slices.IndexFunc(sets, func(s backup.Set) bool { return found != nil && s.Execution.Name == found.Execution.Name })
		if is != test.want || len(newer) != test.newer {
			t.Errorf("%s, %s or better: %d, and %d are newer", test.policy, test.least, is, len(newer))
		}
	}
}
