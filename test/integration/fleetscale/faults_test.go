package fleetscale_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
)

// What passes by itself is waited for: the nodes leave all the same, and no promise
// is broken on the way.
func TestFaultsThatPass(t *testing.T) {
	t.Parallel()
	late := says(http.StatusGatewayTimeout, metav1.StatusReasonTimeout, "couldn't update PodDisruptionBudget due to conflicts", nil)
	conflict := says(http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified", nil)
	for _, test := range []struct {
		what   string
		faults []*fault
	}{
		{"watches are silent", []*fault{{on: isWatch, times: 2, answer: silent}}},
		{"watches end, break and fail", []*fault{{on: isWatch, times: 3, answer: ends}, {on: isWatch, times: 3, answer: breaks}, {on: isWatch, times: 3, answer: unavailable()}}},
		{"flow control", []*fault{{on: isEviction, times: 2, answer: flowControl, least: 2 * time.Second}, {on: isMark, times: 1, answer: flowControl, least: 2 * time.Second}}},
		{"a budget says no", []*fault{{on: isEviction, times: 3, answer: budgetSaysNo()}}},
		{"evictions fail", []*fault{{on: isEviction, times: 2, answer: late}, {on: isEviction, times: 2, answer: failed()}}},
		{"conflicts", []*fault{{on: isEviction, times: 2, answer: conflict}, {on: isMark, times: 3, answer: conflict}}},
		{"the server fails", []*fault{
			{on: isMark, times: 3, answer: unavailable()}, {on: later(isRead), times: 3, answer: unavailable()}, {on: later(isLook), times: 2, answer: unavailable()},
			{on: later(isSave), times: 2, answer: unavailable()}, {on: isRemoval, times: 2, answer: unavailable()},
		}},
		{"connections break", []*fault{
			{on: later(isSave), times: 2, answer: reset}, {on: isEviction, times: 2, answer: reset}, {on: isMark, times: 2, answer: reset}, {on: isRemoval, times: 1, answer: reset},
		}},
		{"answers are lost", []*fault{
			{on: later(isSave), times: 2, answer: lost}, {on: isFirst, times: 1, answer: lost}, {on: isEviction, times: 2, answer: lost}, {on: isMark, times: 2, answer: lost},
			{on: isRemoval, times: 1, answer: lost},
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, "c1", 4)
			e.Workload(t, "web", 4, estates.AtLeast(3))
			e.before(t, test.faults...)
			w := e.Watch(t, map[string]int{"web": 3})
			e.run(t, e.leave(e.Node(0), e.Node(1))...).want(t, 0)
			for _, f := range test.faults {
				f.met(t)
			}
			w.Kept(t)
			e.Untouched(t, 2)
		})
	}
}

// What does not pass by itself stops the run. Who is still let in takes the marks
// back; a person, or resume, does the rest.
func TestFaultsThatStop(t *testing.T) {
	t.Parallel()
	conflict := says(http.StatusConflict, metav1.StatusReasonConflict, "the object has been modified", nil)
	unauthorized := says(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "Unauthorized", nil)
	for _, test := range []struct {
		what   string
		on     func(*http.Request) bool
		times  int
		answer meddle.Meddler
		code   int
		says   string
		marked bool // nodes have our marks then
	}{
		{"credentials expire, and are renewed", isEviction, 1, unauthorized, 1, "resume goes on", false},
		{"credentials expire", later(whatever), 0, unauthorized, 6, "has our mark still", true},
		{"somebody else writes the journal", later(isSave), 1, conflict, 6, "somebody else has changed it meanwhile", true},
		{"somebody else takes the lock", later(isLock), 1, takenOver, 6, "the lock was lost", true},
	} {
		t.Run(test.what, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, "c1", 4)
			e.Workload(t, "web", 4, estates.AtLeast(3), estates.Slow(2*time.Second))
			f := &fault{on: test.on, times: test.times, answer: test.answer}
			e.before(t, f)
			w := e.Watch(t, map[string]int{"web": 3})
			e.run(t, e.leave(e.Node(0), e.Node(1))...).want(t, test.code).says(t, test.says)
			f.met(t)
			if marked := e.Nodes(t)[e.Node(0)]; marked != test.marked {
				t.Errorf("node %s is cordoned: %t", e.Node(0), marked)
			}
			if !test.marked {
				e.Untouched(t, 4)
			}
			f.heal()
			e.resume(t).want(t, 0)
			w.Kept(t)
			e.Untouched(t, 2)
		})
	}
}

// A pod that the API server never evicts keeps its node, which is as it was; the
// other leaves.
func TestTwoBudgetsUnforeseen(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "c1", 4)
	e.Workload(t, "web", 4, estates.AtLeast(3))
	kept, leaves := e.Busy(t, "web"), ""
	for node := range e.Nodes(t) {
		if node != kept {
			leaves = node
		}
	}
	on := func(r *http.Request) bool {
		if !isEviction(r) {
			return false
		}
		parts := strings.Split(r.URL.Path, "/")
		p, err := e.Client.CoreV1().Pods(e.Name).Get(r.Context(), parts[len(parts)-2], metav1.GetOptions{})
		return err == nil && p.Spec.NodeName == kept
	}
	f := &fault{on: on, answer: says(http.StatusInternalServerError, metav1.StatusReasonInternalError, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.", nil)}
	e.before(t, f)
	w := e.Watch(t, map[string]int{"web": 3})
	e.run(t, e.leave(kept, leaves)...).want(t, 3).says(t, "more than one PodDisruptionBudget", "narrow one of their selectors", "Kept", "Removed")
	f.met(t)
	w.Kept(t)
	e.Untouched(t, 3)
}

// A cluster that is lost in the middle of a wave, or whose API server answers every
// request with an error from then on, is left as it is, and said to be; the other goes
// on. When it is back, resume brings it to its end.
func TestAClusterIsLost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		answer meddle.Meddler
	}{
		{"connections break", reset},
		{"500", failed()},
		{"503", unavailable()},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dies, lives := newEstate(t, "c1", 3), newEstate(t, "c2", 3)
			for _, e := range []*estate{dies, lives} {
				e.Workload(t, "web", 3, estates.AtLeast(2), estates.Slow(time.Second))
			}
			f := &fault{on: later(whatever), answer: test.answer}
			dies.kubeconfig = meddle.Kubeconfig(t, map[string]*clientcmdapi.Cluster{"c1": faulty(t, dies, f), "c2": faulty(t, lives)})
			watchers := []*estates.Watcher{dies.Watch(t, map[string]int{"web": 2}), lives.Watch(t, map[string]int{"web": 2})}
			args := append(dies.leave(dies.Node(0), lives.Node(0)), "-C", "c2", "--max-failures", "2")
			dies.run(t, args...).want(t, 6).says(t, "c1", "Removed")
			f.met(t)
			lives.Untouched(t, 2)
			if !dies.Nodes(t)[dies.Node(0)] {
				t.Error("nobody could have taken the mark back")
			}
			f.heal()
			dies.resume(t).want(t, 0)
			dies.Untouched(t, 2)
			for _, w := range watchers {
				w.Kept(t)
			}
		})
	}
}
