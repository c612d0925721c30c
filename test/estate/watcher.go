package estate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// Watcher looks at the pods and nodes of an estate by watches of its own, and says
// which promises were broken: a workload with fewer Ready pods than its budget
// demands, a pod that went although its node did not leave, a node that went while
// something that was moved was not Ready.
//
// It only gathers events while a run goes on. They are looked at in the order of
// their resourceVersions, which all types of a cluster share: the order in which
// two watches deliver says nothing.
type Watcher struct {
	floor map[string]int // Ready pods that each app must have, always
	begin []*corev1.Pod

	mu     sync.Mutex
	events []event
}

type event struct {
	version uint64
	what    watch.EventType
	pod     *corev1.Pod
	node    *corev1.Node
}

// Watch begins to look. Every app must have all its pods Ready now.
func (e *Estate) Watch(t testing.TB, floor map[string]int) *Watcher {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(stop)
	w := &Watcher{floor: floor}
	pods, err := e.Client.CoreV1().Pods(e.Name).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items {
		w.begin = append(w.begin, &pods.Items[i])
	}
	podEvents, err := e.Client.CoreV1().Pods(e.Name).Watch(ctx, metav1.ListOptions{ResourceVersion: pods.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	nodeEvents, err := e.Client.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{ResourceVersion: pods.ResourceVersion, LabelSelector: "kubectl-fleet.io/pool=" + e.Name})
	if err != nil {
		t.Fatal(err)
	}
	for _, watching := range []watch.Interface{podEvents, nodeEvents} {
		go func() {
			for got := range watching.ResultChan() {
				w.take(got)
			}
		}()
	}
	return w
}

func (w *Watcher) take(got watch.Event) {
	e := event{what: got.Type}
	var text string
	switch o := got.Object.(type) {
	case *corev1.Pod:
		e.pod, text = o, o.ResourceVersion
	case *corev1.Node:
		e.node, text = o, o.ResourceVersion
	default:
		return
	}
	var err error
	if e.version, err = strconv.ParseUint(text, 10, 64); err != nil {
		panic(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// lag is how long events may be on their way when a run has ended.
const lag = time.Second

// Found are the promises that were broken.
func (w *Watcher) Found() []string {
	time.Sleep(lag)
	w.mu.Lock()
	events := slices.Clone(w.events)
	w.mu.Unlock()
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.version, b.version) })
	r := replay{floor: w.floor, whole: map[string]int{}, pods: map[types.UID]*corev1.Pod{}, leaving: map[string]bool{}}
	for _, p := range w.begin {
		r.pods[p.UID] = p
	}
	for app := range w.floor {
		r.whole[app] = r.ready(app)
	}
	for _, e := range events {
		if e.pod != nil {
			r.pod(e.what, e.pod)
		} else {
			r.node(e.what, e.node)
		}
	}
	return r.broken
}

// Kept fails the test if a promise was broken.
func (w *Watcher) Kept(t testing.TB) {
	t.Helper()
	for _, broken := range w.Found() {
		t.Error(broken)
	}
}

// replay is what has happened, event by event.
type replay struct {
	floor, whole map[string]int
	pods         map[types.UID]*corev1.Pod
	leaving      map[string]bool // nodes that were cordoned at some time
	broken       []string
}

func (r *replay) ready(app string) int {
	n := 0
	for _, p := range r.pods {
		if p.Labels["app"] != app || p.DeletionTimestamp != nil {
			continue
		}
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				n++
			}
		}
	}
	return n
}

func (r *replay) breaks(format string, args ...any) {
	r.broken = append(r.broken, fmt.Sprintf(format, args...))
}

func (r *replay) pod(what watch.EventType, p *corev1.Pod) {
	before := r.pods[p.UID]
	going := p.DeletionTimestamp != nil || what == watch.Deleted
	if going && before != nil && before.DeletionTimestamp == nil {
		if p.Spec.NodeName != "" && !r.leaving[p.Spec.NodeName] {
			r.breaks("pod %s went, and its node %s was not to leave", p.Name, p.Spec.NodeName)
		}
	}
	r.pods[p.UID] = p
	if what == watch.Deleted {
		delete(r.pods, p.UID)
	}
	for app, floor := range r.floor {
		if got := r.ready(app); got < floor {
			r.breaks("%s has %d Ready pods, its budget demands %d", app, got, floor)
		}
	}
}

func (r *replay) node(what watch.EventType, n *corev1.Node) {
	if n.Spec.Unschedulable {
		r.leaving[n.Name] = true
	}
	if what != watch.Deleted {
		return
	}
	for app, whole := range r.whole {
		if got := r.ready(app); got < whole {
			r.breaks("node %s went while %s had %d of %d Ready", n.Name, app, got, whole)
		}
	}
	for _, p := range r.pods {
		if p.Spec.NodeName == n.Name && p.DeletionTimestamp == nil {
			r.breaks("node %s went with pod %s on it", n.Name, p.Name)
		}
	}
}
