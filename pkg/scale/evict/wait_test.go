package evict

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// heard is what an observer is told.
type heard struct {
	Observer
	lines []string
}

func (*heard) Evicted(string, *corev1.Pod) {}

func (h *heard) Waits(node, why string) { h.lines = append(h.lines, node+" "+why) }

// A wait is told once for each object that is waited for, in whatever order the pods come
// and however its counts change: a node of fifty pods would fill the screen otherwise.
func TestWaitIsToldOnce(t *testing.T) {
	t.Parallel()
	var to heard
	d := &Drain{Observer: &to, said: map[string]said{}}
	soon, late := metav1.NewTime(time.Now().Add(time.Second)), metav1.NewTime(time.Now().Add(time.Minute))
	first, second, untold := of("web", "z", 0), of("web", "a", 0), of("web", "0", 0)
	first.DeletionTimestamp, second.DeletionTimestamp = &soon, &late
	for _, leaving := range [][]*corev1.Pod{{second, first, untold}, {untold, first, second}, {first, second}} {
		d.say("node", waitsFor(leaving))
	}
	d.say("other", waitsFor([]*corev1.Pod{second}))
	d.say("node", wait{"budget shop/web", "it waits until 3 pods are healthy; 1 are"})
	d.say("node", wait{"budget shop/web", "it waits until 3 pods are healthy; 2 are"})
	d.say("node", wait{})
	want := []string{"node pod shop/z: it is ending (and 2 more)", "other pod shop/a: it is ending", "node budget shop/web: it waits until 3 pods are healthy; 1 are"}
	if !slices.Equal(to.lines, want) {
		t.Errorf("told:\n%s\nwant:\n%s", strings.Join(to.lines, "\n"), strings.Join(want, "\n"))
	}
}

// One that lasts is told again, in words that are true now.
func TestWaitThatLasts(t *testing.T) {
	t.Parallel()
	var to heard
	d := &Drain{Observer: &to, said: map[string]said{"node": {wait{"budget shop/web", "1 are"}, time.Now().Add(-lasting)}}}
	d.say("node", wait{"budget shop/web", "1 are"})
	d.say("node", wait{"budget shop/web", "2 are"})
	if want := []string{"node budget shop/web: 2 are"}; !slices.Equal(to.lines, want) {
		t.Errorf("told %q, want %q", to.lines, want)
	}
}

// A pod that does not end long after it should have is named with who would end it, and
// the longest overdue is.
func TestWaitForTheKubelet(t *testing.T) {
	t.Parallel()
	ending := func(name string, ago time.Duration) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, DeletionTimestamp: &metav1.Time{Time: time.Now().Add(-ago)}}}
	}
	if w := waitsFor([]*corev1.Pod{ending("a", time.Second), ending("b", 10*time.Second)}); w != (wait{"pod shop/b", "it is ending (and 1 more)"}) {
		t.Errorf("while they end: %+v", w)
	}
	w := waitsFor([]*corev1.Pod{ending("a", time.Second), ending("b", time.Hour)})
	if w.object != "pod shop/b" || !strings.HasSuffix(w.why, "ago: does its kubelet run? (and 1 more)") {
		t.Errorf("an hour after: %+v", w)
	}
}
