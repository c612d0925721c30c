package evict

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// made is a pod that a controller has made; node is empty while it has none.
func made(kind, controller, name, node string) *corev1.Pod {
	p := of(controller, name, 0)
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: controller, UID: types.UID(controller), Controller: new(true)}}
	p.Spec.NodeName = node
	return p
}

// answers is an API server that says the same of every eviction.
type answers struct{ err error }

func (s answers) Evict(context.Context, string, string, types.UID, *int64) error { return s.err }

// watching is a drain whose view has seen nothing yet, and what tells the view of a pod.
func watching() (*Drain, func(*corev1.Pod)) {
	v := &View{pods: map[types.UID]*corev1.Pod{}, disrupted: map[types.UID]map[string]bool{}, placed: map[types.UID]int{}, changed: make(chan struct{})}
	pods := &collection[corev1.Pod]{view: v, into: func() map[types.UID]*corev1.Pod { return v.pods }, note: v.place}
	d := &Drain{
		View: v, Observer: &heard{}, answers: make(chan answer, abreast), asked: map[types.UID]asked{},
		retry: map[types.UID]time.Time{}, pause: map[types.UID]time.Duration{}, budgets: map[types.UID]time.Time{},
	}
	return d, func(p *corev1.Pod) { pods.take(watch.Modified, p, p) }
}

// An eviction keeps its place until the pod that comes instead has a node, and no longer:
// a cluster that is evicted from faster than it makes new pods has more of them missing,
// and one that never makes them must not hold the others up.
func TestPlaceIsHeldUntilTheNextPodHasANode(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind  string
		err   error // the answer
		then  func(d *Drain, see func(*corev1.Pod))
		taken int // places that are still held
	}{
		"while it has none":                 {kind: "ReplicaSet", taken: 1, then: func(_ *Drain, see func(*corev1.Pod)) { see(made("ReplicaSet", "web", "new", "")) }},
		"of an old controller, too":         {kind: "ReplicationController", taken: 1},
		"until it has":                      {kind: "ReplicaSet", then: func(_ *Drain, see func(*corev1.Pod)) { see(made("ReplicaSet", "web", "new", "n2")) }},
		"not for another controller's":      {kind: "ReplicaSet", taken: 1, then: func(_ *Drain, see func(*corev1.Pod)) { see(made("ReplicaSet", "db", "new", "n2")) }},
		"nor for the old one's next change": {kind: "ReplicaSet", taken: 1, then: func(_ *Drain, see func(*corev1.Pod)) { see(made("ReplicaSet", "web", "old", "n1")) }},
		"and not for ever": {kind: "ReplicaSet", then: func(d *Drain, _ func(*corev1.Pod)) {
			a := d.asked["old"]
			a.at = a.at.Add(-brief)
			d.asked["old"] = a
		}},
		"not if the next one waits for the end of the old": {kind: "StatefulSet"},
		"not if it is refused":                             {kind: "ReplicaSet", err: apierrors.NewInternalError(errors.New("etcd has no leader"))},
		"not if it is gone":                                {kind: "ReplicaSet", err: apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "old")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, see := watching()
			old := made(test.kind, "web", "old", "n1")
			see(old)
			d.Evictor = answers{test.err}
			d.ask(t.Context(), round{ready: []*corev1.Pod{old}, index: allowing(nil)})
			if got := d.free(); got != abreast-1 {
				t.Errorf("before the answer %d may be asked for, want %d", got, abreast-1)
			}
			d.hearAll()
			if test.then != nil {
				test.then(d, see)
			}
			if got := d.free(); got != abreast-test.taken {
				t.Errorf("after it %d may be asked for, want %d", got, abreast-test.taken)
			}
		})
	}
}

// Each of several evictions of one controller waits for a new pod of its own.
func TestEachHasItsOwnNextPod(t *testing.T) {
	t.Parallel()
	d, see := watching()
	r := round{index: allowing(nil)}
	for i := range abreast + 1 {
		old := made("ReplicaSet", "web", "old-"+strconv.Itoa(i), "n1")
		see(old)
		r.ready = append(r.ready, old)
	}
	d.Evictor = answers{}
	d.ask(t.Context(), r)
	d.hearAll()
	if _, is := d.asked[r.ready[abreast].UID]; is {
		t.Errorf("more than %d are asked for", abreast)
	}
	for i := range abreast {
		if got := d.free(); got != i {
			t.Errorf("%d may be asked for when %d new pods have a node", got, i)
		}
		see(made("ReplicaSet", "web", "new-"+strconv.Itoa(i), ""))
		for range 2 { // its node, and another change of it
			see(made("ReplicaSet", "web", "new-"+strconv.Itoa(i), "n2"))
		}
	}
	if got := d.free(); got != abreast {
		t.Errorf("%d may be asked for when all have, want %d", got, abreast)
	}
}
