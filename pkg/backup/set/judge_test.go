package set_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
)

// perfect is a run of some members in which nothing went wrong.
func perfect(hard bool, clusters ...string) *v1alpha1.BackupExecution {
	e := &v1alpha1.BackupExecution{}
	e.Name = "shop-k3x9"
	e.Spec.Policy.Spec.Quiesce = []v1alpha1.QuiesceWave{{Actions: []v1alpha1.QuiesceAction{{Hard: hard, Exec: &v1alpha1.ExecAction{}}}}}
	for i, c := range clusters {
		at := int64(i)
		e.Status.Members = append(e.Status.Members, v1alpha1.MemberExecution{
			Cluster: c, Required: true, Backup: v1alpha1.MemberBackup{Name: "fb-" + c, UID: "u", Phase: "Completed", Items: 3},
			Holds:    []v1alpha1.Hold{{Namespace: "shop", Name: "till", TTLSeconds: 120, ArmedMillis: new(at), State: v1alpha1.HoldReleased}},
			Instants: v1alpha1.BackupInstants{Armed: new(at), Quiet: new(100 + at), Asked: new(int64(200)), Cut: new(1000 + at), Release: new(int64(2000)), Released: new(int64(2100))},
		})
	}
	return e
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what     string
		spoil    func(*v1alpha1.BackupExecution)
		hard     bool
		doubt    string
		grade    v1alpha1.BackupGrade
		complete bool
		why      string
	}{
		{what: "nothing went wrong", grade: v1alpha1.GradeQuiesced, complete: true},
		{what: "one was released early", spoil: func(e *v1alpha1.BackupExecution) { *e.Status.Members[1].Instants.Release = 1000 }, grade: v1alpha1.GradeTorn, complete: true, why: "west was released before the cut of west"},
		{what: "one was released before another's cut", spoil: func(e *v1alpha1.BackupExecution) { *e.Status.Members[0].Instants.Release = 1000 }, grade: v1alpha1.GradeTorn, complete: true, why: "east was released before the cut of west"},
		{what: "that does not matter if it is hard", hard: true, spoil: func(e *v1alpha1.BackupExecution) { *e.Status.Members[0].Instants.Release = 1000 }, grade: v1alpha1.GradeQuiesced, complete: true},
		{what: "a Backup was asked for too early", hard: true, spoil: func(e *v1alpha1.BackupExecution) { *e.Status.Members[0].Instants.Asked = 100 }, grade: v1alpha1.GradeTorn, complete: true, why: "the Backup of east was asked for before all was still"},
		{what: "a deadman may have fired", spoil: func(e *v1alpha1.BackupExecution) { e.Status.Members[0].Holds[0].TTLSeconds = 1 }, grade: v1alpha1.GradeTorn, complete: true, why: "the deadman of east: shop/till may have fired"},
		{what: "a hold was broken", spoil: func(e *v1alpha1.BackupExecution) {
			e.Status.Members[0].Holds[0].State, e.Status.Members[0].Holds[0].Why = v1alpha1.HoldBroken, "its container has restarted"
		}, grade: v1alpha1.GradeTorn, complete: true, why: "its container has restarted"},
		{what: "a pod has come that nobody holds", spoil: func(e *v1alpha1.BackupExecution) { e.Status.Members[1].Unheld = "pod till-2 runs" }, grade: v1alpha1.GradeTorn, complete: true, why: "west: pod till-2 runs"},
		{what: "nobody knows whether it was released", spoil: func(e *v1alpha1.BackupExecution) { e.Status.Members[0].Holds[0].State = v1alpha1.HoldFrozen }, grade: v1alpha1.GradeTorn, complete: true, why: "not known"},
		{what: "an instant was not written down", spoil: func(e *v1alpha1.BackupExecution) { e.Status.Members[1].Instants.Cut = nil }, grade: v1alpha1.GradeTorn, complete: true, why: "is not known"},
		{what: "the clock is in doubt", doubt: "it slept", grade: v1alpha1.GradeTorn, complete: true, why: "it slept"},
		{what: "an optional one was broken, and is hard", hard: true, spoil: func(e *v1alpha1.BackupExecution) {
			e.Status.Members[1].Required, e.Status.Members[1].Holds[0].State = false, v1alpha1.HoldBroken
		}, grade: v1alpha1.GradeQuiesced, why: "west is missing: it is torn"},
		{what: "an optional one was broken: it may have written into the others", spoil: func(e *v1alpha1.BackupExecution) {
			e.Status.Members[1].Required, e.Status.Members[1].Holds[0].State = false, v1alpha1.HoldBroken
		}, grade: v1alpha1.GradeTorn, why: "west"},
		{what: "an optional one was late", spoil: func(e *v1alpha1.BackupExecution) {
			e.Status.Members[1].Required, *e.Status.Members[1].Instants.Cut = false, 3000
		}, grade: v1alpha1.GradeQuiesced, why: "west is missing: it is torn"},
		{what: "a Backup failed", spoil: func(e *v1alpha1.BackupExecution) { e.Status.Members[1].Backup.Phase = "PartiallyFailed" }, grade: v1alpha1.GradeQuiesced, why: "west is missing: Backup fb-west is PartiallyFailed"},
		{what: "a Backup is empty", spoil: func(e *v1alpha1.BackupExecution) { e.Status.Members[1].Backup.Items = 0 }, grade: v1alpha1.GradeQuiesced, why: "has no items"},
		{what: "a selector has found nothing", spoil: func(e *v1alpha1.BackupExecution) { e.Status.Members[1].Backup.Unselected = true }, grade: v1alpha1.GradeQuiesced, why: "west is missing: Backup fb-west has Namespaces alone"},
		{what: "a volume was skipped", spoil: func(e *v1alpha1.BackupExecution) {
			e.Status.Members[1].Volumes = []v1alpha1.BackupVolume{{Namespace: "shop", Claim: "data", Skipped: "no driver"}}
		}, grade: v1alpha1.GradeQuiesced, why: "the data of shop/data are missing: no driver"},
		{what: "nobody is left", spoil: func(e *v1alpha1.BackupExecution) {
			e.Status.Members[0].Missing, e.Status.Members[1].Missing = "gone", "gone"
		}, grade: v1alpha1.GradeTorn, why: "no member"},
		{what: "nothing was to be held", spoil: func(e *v1alpha1.BackupExecution) { e.Spec.Policy.Spec.Quiesce = nil }, grade: v1alpha1.GradeAligned, complete: true, why: "its own point in time"},
		{what: "nor was anything at the same time", spoil: func(e *v1alpha1.BackupExecution) {
			e.Spec.Policy.Spec.Quiesce, *e.Status.Members[1].Instants.Asked = nil, 1500
		}, grade: v1alpha1.GradeIndependent, complete: true, why: "the Backup of east was over before"},
	} {
		e := perfect(test.hard, "east", "west")
		if test.spoil != nil {
			test.spoil(e)
		}
		set.Judge(e, test.doubt)
		if why := strings.Join(e.Status.Why, "; "); e.Status.Grade != test.grade || e.Status.Complete != test.complete || !strings.Contains(why, test.why) {
			t.Errorf("%s: %s, complete %t, %q", test.what, e.Status.Grade, e.Status.Complete, why)
		}
	}
}

// When a set expires is told by one clock, whatever those of its clusters show.
func TestExpires(t *testing.T) {
	t.Parallel()
	e := perfect(false, "east", "west")
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for i, offset := range []time.Duration{-time.Hour, 2 * time.Hour} {
		m := &e.Status.Members[i]
		m.Backup.Expires, m.ClockOffsetMillis = metav1.NewTime(noon.Add(offset).Add(time.Duration(i)*time.Minute)), new(offset.Milliseconds())
	}
	set.Judge(e, "")
	if !e.Status.Expires.Time.Equal(noon) {
		t.Errorf("it expires at %s", e.Status.Expires)
	}
	e.Status.Members[0].ClockOffsetMillis = nil
	set.Judge(e, "")
	if !e.Status.Expires.Time.Equal(noon.Add(-time.Hour)) {
		t.Errorf("where no offset is known it expires at %s", e.Status.Expires)
	}
}

// world is what happens in truth, which the run sees through the calls that it makes.
type world struct {
	still, awake []int64 // from when and until when each member is still; awake < still: never
	cut          []int64 // when each member is cut
}

// consistent is true if there was an instant at which the members, as they were cut,
// were all like that.
func (w world) consistent(hard bool, members []int) bool {
	from, until := int64(0), int64(1<<60)
	for i := range w.still {
		if hard && !slices.Contains(members, i) {
			continue
		}
		from, until = max(from, w.still[i]), min(until, w.awake[i])
	}
	if from > until {
		return false
	}
	for _, i := range members {
		switch {
		case !hard && (w.cut[i] < from || w.cut[i] > until):
			return false
		case hard && (w.cut[i] < w.still[i] || w.cut[i] > w.awake[i]):
			return false
		}
	}
	return true
}

// No interleaving of what can happen is judged better than it was.
func TestTheGradeIsNeverTooGood(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	good, bad := 0, 0
	for range 200_000 {
		hard := random.IntN(2) == 0
		names := []string{"a", "b", "c"}[:1+random.IntN(3)]
		e := perfect(hard, names...)
		w := world{}
		around := func(n int64) int64 { return n + random.Int64N(900) - 300 }
		for i := range names {
			m := &e.Status.Members[i]
			m.Required = random.IntN(3) > 0
			m.CutBy = []v1alpha1.CutSign{v1alpha1.CutByPhase, v1alpha1.CutByVolumes}[random.IntN(2)]
			at := &m.Instants
			ttl := int64(1 + random.IntN(3))
			m.Holds[0].TTLSeconds = int(ttl)
			// Calls take time: what they do happens between their begin and their end.
			armed := random.Int64N(200)
			counts := armed + random.Int64N(50)
			still := counts + random.Int64N(200)
			quiet := still + random.Int64N(100)
			asked := around(400)
			cut := asked + random.Int64N(600)
			known := cut + random.Int64N(200)
			release := around(1200)
			awake := release + random.Int64N(100)
			m.Holds[0].ArmedMillis, at.Armed, at.Quiet, at.Asked, at.Cut, at.Release = &armed, &armed, &quiet, &asked, &known, &release
			m.Holds[0].State = v1alpha1.HoldReleased
			if fires := counts + ttl*1000; fires < awake { // the deadman was quicker, and the release hears of it
				awake = fires
				m.Holds[0].State = v1alpha1.HoldBroken
			}
			if random.IntN(8) == 0 { // somebody else ended it, and the release hears of it
				awake = min(awake, still+random.Int64N(1000))
				m.Holds[0].State = v1alpha1.HoldBroken
			}
			if random.IntN(8) == 0 { // not everything was written down
				for _, instant := range []**int64{&at.Quiet, &at.Asked, &at.Cut, &at.Release} {
					if random.IntN(3) == 0 {
						*instant = nil
					}
				}
			}
			if random.IntN(8) == 0 {
				m.Backup.Phase = "Failed"
			}
			w.still, w.awake, w.cut = append(w.still, still), append(w.awake, awake), append(w.cut, cut)
		}
		set.Judge(e, "")
		var members []int
		volumes := false // the objects of one were read after the release
		for i, m := range e.Status.Members {
			if m.Missing == "" {
				members = append(members, i)
				volumes = volumes || m.CutBy == v1alpha1.CutByVolumes
			}
		}
		if e.Status.Grade != v1alpha1.GradeQuiesced {
			bad++
			continue
		}
		good++
		if volumes != (e.Status.Covers == v1alpha1.CutVolumes) {
			t.Fatalf("of volumes alone: %t, and it covers %q", volumes, e.Status.Covers)
		}
		if !w.consistent(hard, members) {
			t.Fatalf("hard %t, %+v is called %s: %+v", hard, w, e.Status.Grade, e.Status)
		}
	}
	if good < 1000 || bad < 1000 {
		t.Errorf("%d good ones and %d others: this proves nothing", good, bad)
	}
}
