package evict

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// View is the pods and budgets of a cluster as they are, kept up by watches. What
// it says may be a moment old; what is decided on it is guarded by UIDs and by the
// API server.
type View struct {
	member *member.Member

	mu      sync.Mutex
	pods    map[types.UID]*corev1.Pod
	budgets map[types.UID]*policyv1.PodDisruptionBudget
	// disrupted are the pods that the status of each budget has named, also if only for
	// a moment: the disruption controller takes them out when they are gone.
	disrupted map[types.UID]map[string]bool
	// placed is how many pods of each controller have got a node since the view began.
	placed map[types.UID]int
	// lost is why each of the two watches does not stand.
	lost    map[string]error
	changed chan struct{} // closed at the next change, and made anew
}

// pageSize is how many objects a server sends at once, and the pauses before a lost
// watch is tried again grow from the first to the last.
const (
	pageSize   = 500
	firstPause = 200 * time.Millisecond
	lastPause  = 10 * time.Second
	// lasts is how long a watch is, and so about how long one that hangs is believed.
	lasts = 15 * time.Second
)

// NewView reads the pods and budgets of a cluster, and keeps them up until ctx ends.
func NewView(ctx context.Context, m *member.Member) (*View, error) {
	v := &View{
		member: m, pods: map[types.UID]*corev1.Pod{}, budgets: map[types.UID]*policyv1.PodDisruptionBudget{},
		disrupted: map[types.UID]map[string]bool{}, placed: map[types.UID]int{}, lost: map[string]error{}, changed: make(chan struct{}),
	}
	pods := &collection[corev1.Pod]{view: v, resource: member.Pods(), into: func() map[types.UID]*corev1.Pod { return v.pods }}
	pods.note = v.place
	pods.replace = func(all map[types.UID]*corev1.Pod) { v.pods = all }
	budgets := &collection[policyv1.PodDisruptionBudget]{view: v, resource: Budgets(), into: func() map[types.UID]*policyv1.PodDisruptionBudget { return v.budgets }}
	budgets.replace = func(all map[types.UID]*policyv1.PodDisruptionBudget) {
		v.budgets = all
		for _, b := range all {
			v.remember(b)
		}
	}
	budgets.note = v.remember
	if err := pods.list(ctx); err != nil {
		return nil, err
	}
	if err := budgets.list(ctx); err != nil {
		return nil, err
	}
	go pods.follow(ctx)
	go budgets.follow(ctx)
	return v, nil
}

// Budgets are the PodDisruptionBudgets of a cluster.
func Budgets() member.Resource {
	return member.Resource{GroupVersionResource: schema.GroupVersionResource{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"}, Kind: "PodDisruptionBudget", Namespaced: true}
}

// Pods are all pods.
func (v *View) Pods() []*corev1.Pod {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]*corev1.Pod, 0, len(v.pods))
	for _, p := range v.pods {
		list = append(list, p)
	}
	return list
}

// Budgets are all budgets.
func (v *View) Budgets() []*policyv1.PodDisruptionBudget {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]*policyv1.PodDisruptionBudget, 0, len(v.budgets))
	for _, b := range v.budgets {
		list = append(list, b)
	}
	return list
}

// Lost is why the view may be old; nil while both watches stand.
func (v *View) Lost() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for what, err := range v.lost {
		if err != nil {
			return fmt.Errorf("watch %s: %w", what, err)
		}
	}
	return nil
}

// Changed is closed when something is no longer as it is now.
func (v *View) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// remember notes which pods a budget names; the caller holds the lock.
func (v *View) remember(b *policyv1.PodDisruptionBudget) {
	for pod := range b.Status.DisruptedPods {
		if v.disrupted[b.UID] == nil {
			v.disrupted[b.UID] = map[string]bool{}
		}
		v.disrupted[b.UID][pod] = true
	}
}

// hasDisrupted is true if a budget has named a pod since that was forgotten.
func (v *View) hasDisrupted(budget types.UID, pod string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.disrupted[budget][pod]
}

// forget forgets that a budget has named a pod: another of its name will be evicted.
func (v *View) forget(budget types.UID, pod string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.disrupted[budget], pod)
}

// place counts a pod that has a node now and had none before; the caller holds the lock.
func (v *View) place(p *corev1.Pod) {
	before := v.pods[p.UID]
	if c := metav1.GetControllerOfNoCopy(p); c != nil && p.Spec.NodeName != "" && (before == nil || before.Spec.NodeName == "") {
		v.placed[c.UID]++
	}
}

// hasPlaced is how many pods of a controller have got a node since the view began.
func (v *View) hasPlaced(controller types.UID) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.placed[controller]
}

// touch tells those who wait; the caller holds the lock.
func (v *View) touch() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// collection is one type of the view.
type collection[T any] struct {
	view     *View
	resource member.Resource
	into     func() map[types.UID]*T
	replace  func(map[types.UID]*T)
	note     func(*T) // hears of one that changes before the view has it; nil: nobody does
	version  string
}

// list reads the whole type.
func (c *collection[T]) list(ctx context.Context) error {
	all := map[types.UID]*T{}
	version := ""
	for page, err := range c.view.member.Typed(ctx, member.ListRequest{Resource: c.resource, Limit: pageSize}) {
		if err != nil {
			return fmt.Errorf("list %s: %w", c.resource.Resource, err)
		}
		list, err := meta.ListAccessor(page)
		if err != nil {
			return err
		}
		version = list.GetResourceVersion()
		err = meta.EachListItem(page, func(object runtime.Object) error {
			o, err := meta.Accessor(object)
			if err != nil {
				return err
			}
			o.SetManagedFields(nil)
			item, is := any(object).(*T)
			if !is {
				return &member.Error{Reason: member.ReasonInvalidAnswer, Err: fmt.Errorf("a list of %s has a %T", c.resource.Resource, object)}
			}
			all[o.GetUID()] = item
			return nil
		})
		if err != nil {
			return err
		}
	}
	c.view.mu.Lock()
	defer c.view.mu.Unlock()
	c.version = version
	c.replace(all)
	c.view.lost[c.resource.Resource] = nil
	c.view.touch()
	return nil
}

// follow keeps the type up until ctx ends.
func (c *collection[T]) follow(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		err := c.watch(ctx)
		if err == nil { // servers end watches now and then
			pause = firstPause
			continue
		}
		c.view.mu.Lock()
		c.view.lost[c.resource.Resource] = err
		c.view.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
		_ = c.list(ctx) // if that fails, too, the watch is tried and says so
	}
}

// watch takes in changes until the server ends it.
func (c *collection[T]) watch(ctx context.Context) error {
	request := member.WatchRequest{ListRequest: member.ListRequest{Resource: c.resource}, ResourceVersion: c.version, Whole: true, Lasts: lasts}
	request.Opened = func() {
		c.view.mu.Lock()
		defer c.view.mu.Unlock()
		c.view.lost[c.resource.Resource] = nil
	}
	for event, err := range c.view.member.Watch(ctx, request) {
		if err != nil {
			return err
		}
		item := new(T)
		if err := json.Unmarshal(event.Raw, item); err != nil {
			return err
		}
		o, err := meta.Accessor(item)
		if err != nil {
			return err
		}
		c.take(event.Type, o, item)
	}
	return nil
}

func (c *collection[T]) take(what watch.EventType, o metav1.Object, item *T) {
	o.SetManagedFields(nil)
	c.view.mu.Lock()
	defer c.view.mu.Unlock()
	c.version = o.GetResourceVersion()
	switch what {
	case watch.Added, watch.Modified:
		if c.note != nil {
			c.note(item)
		}
		c.into()[o.GetUID()] = item
	case watch.Deleted:
		delete(c.into(), o.GetUID())
	case watch.Bookmark, watch.Error:
		return
	}
	c.view.touch()
}

// PodsOf lists the pods of one node afresh.
func PodsOf(ctx context.Context, m *member.Member, node string) ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	request := member.ListRequest{Resource: member.Pods(), FieldSelector: "spec.nodeName=" + node, Limit: pageSize}
	for page, err := range m.Typed(ctx, request) {
		if err != nil {
			return nil, err
		}
		list, is := page.(*corev1.PodList)
		if !is {
			return nil, &member.Error{Reason: member.ReasonInvalidAnswer, Err: fmt.Errorf("a list of pods is a %T", page)}
		}
		for i := range list.Items {
			pods = append(pods, &list.Items[i])
		}
	}
	return pods, nil
}
