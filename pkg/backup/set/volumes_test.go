package set_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
)

// A set is not complete because nobody could look.
func TestUncounted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		methods   []string
		snapshots int
		skipped   int
	}{
		{[]string{"CSI", "Native"}, 2, 0},
		{[]string{"CSI", "Native"}, 1, 2},
		{[]string{"CSI", "FileSystem", "None"}, 1, 2},
		{nil, 0, 0},
	} {
		m := &v1alpha1.MemberExecution{}
		for _, method := range test.methods {
			m.Volumes = append(m.Volumes, v1alpha1.BackupVolume{Method: method})
		}
		set.Uncounted(m, test.snapshots, errors.New("no route"))
		skipped := 0
		for _, v := range m.Volumes {
			if v.Skipped != "" {
				skipped++
			}
		}
		if skipped != test.skipped {
			t.Errorf("%v and %d snapshots: %d are not known, want %d", test.methods, test.snapshots, skipped, test.skipped)
		}
	}
}

// The volumes of a cut that handles were the sign of must be those that were taken, and
// no others: else there is no telling when they were.
func TestCount(t *testing.T) {
	t.Parallel()
	seen := metav1.NewMicroTime(time.Unix(1, 500_000_000))
	data := v1alpha1.BackupVolume{Namespace: "shop", Claim: "data", Method: "CSI", Driver: "d", Handle: "s1", Taken: seen}
	taken := func(change func(*v1alpha1.BackupVolume)) []v1alpha1.BackupVolume {
		is := data
		is.Taken = metav1.NewMicroTime(time.Unix(1, 0))
		change(&is)
		return []v1alpha1.BackupVolume{is}
	}
	same := func(*v1alpha1.BackupVolume) {}
	for _, test := range []struct {
		what     string
		by       v1alpha1.CutSign
		taken    []v1alpha1.BackupVolume
		grade    v1alpha1.BackupGrade
		covers   v1alpha1.BackupCut
		complete bool
		volumes  int
		why      string
	}{
		{"the ones that were seen", v1alpha1.CutByVolumes, taken(same), v1alpha1.GradeQuiesced, v1alpha1.CutVolumes, true, 1, "of east the volumes alone"},
		{"by phase", v1alpha1.CutByPhase, taken(same), v1alpha1.GradeQuiesced, "", true, 1, ""},
		{"another snapshot", v1alpha1.CutByVolumes, taken(func(v *v1alpha1.BackupVolume) { v.Handle = "s2" }), v1alpha1.GradeTorn, "", true, 1, "shop/data is not the one that was seen"},
		{"another, by phase", v1alpha1.CutByPhase, taken(func(v *v1alpha1.BackupVolume) { v.Handle = "s2" }), v1alpha1.GradeQuiesced, "", true, 1, ""},
		{"moved", v1alpha1.CutByVolumes, taken(func(v *v1alpha1.BackupVolume) { v.Handle, v.Moved = "kopia", true }), v1alpha1.GradeQuiesced, v1alpha1.CutVolumes, true, 1, ""},
		{"not moved to its end", v1alpha1.CutByVolumes, taken(func(v *v1alpha1.BackupVolume) {
			v.Moved, v.Skipped = true, "the DataUpload is Failed"
		}), v1alpha1.GradeQuiesced, v1alpha1.CutVolumes, false, 1, "the DataUpload is Failed"},
		{"one that was not known", v1alpha1.CutByVolumes, append(taken(same), v1alpha1.BackupVolume{Namespace: "shop", Claim: "late", Method: "CSI", Handle: "s3"}), v1alpha1.GradeTorn, "", true, 2, "shop/late has come after preflight"},
		{"one that was not known, by phase", v1alpha1.CutByPhase, append(taken(same), v1alpha1.BackupVolume{Namespace: "shop", Claim: "late", Method: "CSI", Handle: "s3"}), v1alpha1.GradeQuiesced, "", true, 2, ""},
		{"none", v1alpha1.CutByPhase, nil, v1alpha1.GradeQuiesced, "", false, 1, "Velero did not take it"},
	} {
		e := perfect(false, "east")
		m := &e.Status.Members[0]
		m.CutBy, m.Volumes = test.by, []v1alpha1.BackupVolume{data}
		set.Count(m, test.taken)
		set.Judge(e, "")
		why := strings.Join(e.Status.Why, "; ")
		if e.Status.Grade != test.grade || e.Status.Covers != test.covers || e.Status.Complete != test.complete || len(m.Volumes) != test.volumes || !strings.Contains(why, test.why) {
			t.Errorf("%s: %s of %q, complete %t, %+v, %q", test.what, e.Status.Grade, e.Status.Covers, e.Status.Complete, m.Volumes, why)
		}
		if !m.Volumes[0].Taken.Equal(&seen) {
			t.Errorf("%s: taken %s: what was seen is more exact", test.what, m.Volumes[0].Taken)
		}
	}
}
