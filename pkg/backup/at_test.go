package backup_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
)

// The newest sealed set that is of a time or before, of one policy. When it was sealed
// does not matter, and without a point in time its begin counts.
func TestFindAt(t *testing.T) {
	t.Parallel()
	at := func(hour int) time.Time { return time.Date(2026, 11, 20, hour, 0, 0, 0, time.UTC) }
	set := func(policy, name string, hour int, phase v1alpha1.BackupPhase) backup.Set {
		s := backup.Set{}
		s.Execution.Name, s.Execution.Spec.Policy.Name = name, policy
		s.Execution.Status.Phase, s.Execution.Status.At = phase, metav1.NewTime(at(hour))
		return s
	}
	slow := set("slow", "slow", 12, v1alpha1.BackupSealed)
	slow.Execution.Status.Sealed = metav1.NewTime(at(20))
	old := set("old", "old", 0, v1alpha1.BackupSealed)
	old.Execution.Status.At, old.Execution.Status.Started = metav1.Time{}, metav1.NewTime(at(9))
	sets := []backup.Set{
		set("shop", "s3", 13, v1alpha1.BackupSealed), set("shop", "s1", 11, v1alpha1.BackupSealed), set("shop", "s2", 12, v1alpha1.BackupSealed),
		set("shop", "half", 12, v1alpha1.BackupFinishing), set("till", "t1", 10, v1alpha1.BackupSealed),
		slow, old,
	}
	for _, test := range []struct {
		policy     string
		hour       int
		want, says string
		next       string
	}{
		{policy: "shop", hour: 12, want: "s2", next: "s3"},
		{policy: "slow", hour: 13, want: "slow"},
		{policy: "old", hour: 9, want: "old"},
		{policy: "shop", hour: 23, want: "s3"},
		{policy: "till", hour: 23, want: "t1"},
		{policy: "shop", hour: 10, says: "2026-11-20T10:00:00Z or before", next: "s1"},
		{hour: 23, says: "there are sets of old, shop, slow, till"},
		{policy: "bank", hour: 23, says: "bank"},
	} {
		got, next, err := backup.FindAt(sets, test.policy, at(test.hour))
		if after := ""; next != nil || test.next != "" {
			if next != nil {
				after = next.Execution.Name
			}
			if after != test.next {
				t.Errorf("%s after %d: %q, want %q", test.policy, test.hour, after, test.next)
			}
		}
		switch {
		case test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s at %d: %v, want %q", test.policy, test.hour, err, test.says)
		case test.says == "" && (err != nil || got.Execution.Name != test.want):
			t.Errorf("%s at %d: %s, %v, want %s", test.policy, test.hour, got.Execution.Name, err, test.want)
		}
	}
}
