package scale

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/evict"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// gate is what must hold before nodes are removed: no pod waits for a place that did
// not before, and the workloads that were touched have as many Ready pods as before.
type gate struct {
	cluster  string
	member   *member.Member
	view     *evict.View
	snapshot *snapshot.Snapshot
	journal  *journal.Run
	observer Observer
	// stays is how long the gate must stay open; 0: that it is open once is enough.
	stays time.Duration
	// deployments are those of ReplicaSets that came after the snapshot.
	deployments map[types.UID]metav1.OwnerReference
}

// baseline notes in the journal what the gate compares with: the workloads whose
// pods leave, as they were before the run touched them, and the pods that had no
// place already.
func (r *clusterRun) baseline(ctx context.Context, l *look, wave []*journal.Node) (*gate, error) {
	g := &gate{
		cluster: r.cluster, member: r.member, view: r.view, snapshot: l.snapshot, journal: r.journal, observer: r.observer, deployments: map[types.UID]metav1.OwnerReference{},
	}
	if !r.journal.Options.KeepNodes { // a node that is kept can be given back at any time
		g.stays = twice
	}
	if len(r.journal.Touched) == 0 && len(r.journal.Pending) == 0 {
		for _, p := range l.snapshot.Pods {
			if unplaced(p) {
				r.journal.Pending = append(r.journal.Pending, p.UID)
			}
		}
	}
	var ready map[types.UID]int
	err := patience.Try(ctx, func() (err error) {
		ready, err = g.ready(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, n := range wave {
		for _, p := range candidate.ContentsOf(n.Name, l.snapshot, l.budgets, r.request.Policy.Pods).Moving {
			w, kept := l.snapshot.WorkloadOf(p)
			if !kept || w.Kind == "Job" || slices.ContainsFunc(r.journal.Touched, func(t journal.Workload) bool { return t.UID == w.UID }) {
				continue
			}
			r.journal.Touched = append(r.journal.Touched, journal.Workload{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name, UID: w.UID, Ready: ready[w.UID]})
		}
	}
	return g, nil
}

// unplaced is true for a pod that the scheduler finds no place for.
func unplaced(p *corev1.Pod) bool {
	if p.Spec.NodeName != "" || p.DeletionTimestamp != nil {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return true
		}
	}
	return false
}

// ready counts the Ready pods of every workload, those that end left out.
func (g *gate) ready(ctx context.Context) (map[types.UID]int, error) {
	ready := map[types.UID]int{}
	for _, p := range g.view.Pods() {
		if p.DeletionTimestamp != nil || !budget.IsReady(p) {
			continue
		}
		uid, err := g.workload(ctx, p)
		if err != nil {
			return nil, err
		}
		ready[uid]++
	}
	return ready, nil
}

// workload is the UID of what keeps a pod.
func (g *gate) workload(ctx context.Context, p *corev1.Pod) (types.UID, error) {
	owner := metav1.GetControllerOfNoCopy(p)
	if owner == nil {
		return "", nil
	}
	if owner.Kind == "ReplicaSet" && !g.snapshot.Knows(owner.UID) {
		if _, known := g.deployments[owner.UID]; !known {
			object, err := g.member.Object(ctx, apps("replicasets"), p.Namespace, owner.Name)
			switch {
			case member.IsObjectNotFound(err):
			case err != nil:
				return "", err
			default:
				if above := metav1.GetControllerOf(object); above != nil && object.GetUID() == owner.UID {
					g.deployments[owner.UID] = *above
				}
			}
		}
		if above, known := g.deployments[owner.UID]; known {
			return above.UID, nil
		}
		return owner.UID, nil
	}
	w, _ := g.snapshot.WorkloadOf(p)
	return w.UID, nil
}

func apps(resource string) member.Resource {
	return member.Resource{GroupVersionResource: appsv1.SchemeGroupVersion.WithResource(resource), Kind: resource, Namespaced: true}
}

const (
	// twice: nodes are removed when the gate is open twice, this long apart.
	twice = time.Second
	// together is how long changes come together before it looks again: what brings the
	// pods up has a use for the processor.
	together = 100 * time.Millisecond
	// naming is how many of those that keep it shut are said by name.
	naming = 3
)

// GateError is a gate that did not open in time.
type GateError struct {
	After   time.Duration
	Waiting string
}

func (e *GateError) Error() string {
	return fmt.Sprintf("what was moved is not well within %s: %s", e.After, e.Waiting)
}

// Reason classifies the failure.
func (*GateError) Reason() member.Reason { return member.ReasonUnhealthy }

// pass waits until the gate is open: twice in a row if what comes next cannot be undone.
func (g *gate) pass(ctx context.Context, timeout time.Duration) error {
	return untilOpen(ctx, timeout, g.stays, g.view.Changed, g.shut, func(why string) { g.observer.Gate(g.cluster, why) })
}

// untilOpen waits until two looks, one after the other and so long apart, have found
// nothing that is shut; one, if they need not be apart. Between others it waits for a
// change, and says what is new.
func untilOpen(ctx context.Context, timeout, apart time.Duration, change func() <-chan struct{}, shut func(context.Context) (string, error), say func(why string)) error {
	began := time.Now()
	var open time.Time
	said := ""
	for {
		changed, looked := change(), time.Now()
		why, err := shut(ctx)
		switch {
		case err != nil:
			why = err.Error()
			open = time.Time{}
		case why != "":
			open = time.Time{}
		case open.IsZero() && apart > 0:
			open = time.Now()
		case time.Since(open) >= apart:
			return nil
		}
		if why != "" && why != said {
			said = why
			say(why)
		}
		if time.Since(began) > timeout {
			return &StoppedError{&GateError{timeout, why}}
		}
		pause := twice
		if !open.IsZero() {
			changed = nil // that it stays so is what is waited for
			pause = apart - time.Since(open) + time.Millisecond
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		case <-time.After(pause):
		}
		if open.IsZero() {
			select {
			case <-ctx.Done():
			case <-time.After(together - time.Since(looked)):
			}
		}
	}
}

// shut is why the gate is; empty if it is open.
func (g *gate) shut(ctx context.Context) (string, error) {
	if lost := g.view.Lost(); lost != nil {
		return "", lost
	}
	var waiting []string
	for _, p := range g.view.Pods() {
		if unplaced(p) && !slices.Contains(g.journal.Pending, p.UID) {
			waiting = append(waiting, fmt.Sprintf("pod %s/%s has no place", p.Namespace, p.Name))
		}
	}
	ready, err := g.ready(ctx)
	if err != nil {
		return "", err
	}
	short, more := 0, 0
	for _, w := range g.journal.Touched {
		if ready[w.UID] >= w.Ready {
			continue
		}
		if short == naming { // whether fewer are wanted of this one changes nothing any more
			more++
			continue
		}
		want, err := g.wanted(ctx, w)
		if err != nil {
			return "", err
		}
		if ready[w.UID] < want {
			short++
			waiting = append(waiting, fmt.Sprintf("%s %s/%s has %d of %d Ready", w.Kind, w.Namespace, w.Name, ready[w.UID], want))
		}
	}
	slices.Sort(waiting)
	if others := len(waiting) - naming; others > 0 {
		waiting, more = waiting[:naming], more+others
	}
	if more > 0 {
		waiting = append(waiting, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(waiting, "; "), nil
}

// wanted is how many Ready pods a workload must have: as many as before, unless
// somebody asks for fewer now.
func (g *gate) wanted(ctx context.Context, w journal.Workload) (int, error) {
	var resource member.Resource
	switch w.Kind {
	case "Deployment":
		resource = apps("deployments")
	case "StatefulSet":
		resource = apps("statefulsets")
	case "ReplicaSet":
		resource = apps("replicasets")
	case "ReplicationController":
		resource = member.Resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "replicationcontrollers"}, Kind: w.Kind, Namespaced: true}
	default:
		return w.Ready, nil
	}
	object, err := g.member.Object(ctx, resource, w.Namespace, w.Name)
	switch {
	case member.IsObjectNotFound(err), err == nil && object.GetUID() != w.UID:
		return 0, nil
	case err != nil:
		return 0, err
	}
	if replicas, has, err := unstructured.NestedInt64(object.Object, "spec", "replicas"); err == nil && has {
		return min(w.Ready, int(replicas)), nil
	}
	return w.Ready, nil
}

// detached waits until the volumes of pods that moved are off the nodes of a wave:
// a machine that goes with a volume attached keeps it from its new node for minutes.
func (r *clusterRun) detached(ctx context.Context, l *look, wave []*journal.Node) error {
	if len(l.snapshot.CSINodes) == 0 && len(l.snapshot.Attachments) == 0 {
		return nil
	}
	stays := r.volumesThatStay(l, wave)
	began := time.Now()
	for pause := firstLook; ; pause = min(pause*3/2, lastLook) {
		attached, err := r.attached(ctx, wave, stays)
		if err == nil && len(attached) == 0 {
			return nil
		}
		why := strings.Join(attached, "; ")
		if err != nil {
			why = err.Error()
		}
		r.observer.Gate(r.cluster, why)
		if time.Since(began) > min(r.settings.Timeout, detachTimeout) {
			return &StoppedError{&GateError{min(r.settings.Timeout, detachTimeout), why}}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}

// detachTimeout is when waiting for volumes ends: the attach/detach controller
// forces it after six minutes (ReconcilerMaxWaitForUnmountDuration), five are what
// Karpenter and others wait.
const detachTimeout = 5 * time.Minute

// volumesThatStay are those of pods that go with their nodes.
func (r *clusterRun) volumesThatStay(l *look, wave []*journal.Node) map[string]bool {
	stays := map[string]bool{}
	volume := map[string]string{}
	for _, c := range l.snapshot.Claims {
		volume[c.Namespace+"/"+c.Name] = c.Spec.VolumeName
	}
	for _, n := range wave {
		for _, p := range l.snapshot.On(n.Name) {
			if fate, _ := candidate.FateOf(p, l.snapshot, l.budgets, r.request.Policy.Pods); fate != candidate.Stays {
				continue
			}
			for _, v := range p.Spec.Volumes {
				if v.PersistentVolumeClaim != nil {
					stays[volume[p.Namespace+"/"+v.PersistentVolumeClaim.ClaimName]] = true
				}
			}
		}
	}
	return stays
}

func (r *clusterRun) attached(ctx context.Context, wave []*journal.Node, stays map[string]bool) ([]string, error) {
	resource := member.Resource{GroupVersionResource: schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "volumeattachments"}, Kind: "VolumeAttachment"}
	var found []string
	for page, err := range r.member.Objects(ctx, member.ListRequest{Resource: resource, Limit: 500}) {
		if err != nil {
			return nil, err
		}
		for i := range page {
			node, _, _ := unstructured.NestedString(page[i].Object, "spec", "nodeName")
			volume, _, _ := unstructured.NestedString(page[i].Object, "spec", "source", "persistentVolumeName")
			if slices.Contains(namesOf(wave), node) && !stays[volume] {
				found = append(found, fmt.Sprintf("volume %s is attached to %s (VolumeAttachment %s)", volume, node, page[i].GetName()))
			}
		}
	}
	return found, nil
}

// nodeNow reads a node; nil if there is none.
func nodeNow(ctx context.Context, m *member.Member, name string) (*corev1.Node, error) {
	var object *unstructured.Unstructured
	err := patience.Try(ctx, func() (err error) {
		object, err = m.Object(ctx, member.Nodes(), "", name)
		return err
	})
	if member.IsObjectNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n := &corev1.Node{}
	return n, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, n)
}
