// Package evict empties nodes through the Eviction API, no faster than budgets
// allow. Every eviction carries the UID of the pod that it means: a pod of the same
// name on another node is never touched.
package evict

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// Evictor asks for one pod to be moved. The Eviction API is one; EvictionRequest
// (KEP-4563) will be another.
type Evictor interface {
	Evict(ctx context.Context, namespace, name string, uid types.UID, grace *int64) error
}

// Options are how nodes are emptied.
type Options struct {
	Rules candidate.PodRules
	// Grace in seconds replaces that of every pod; nil: their own.
	Grace *int64
	// Timeout is how long one node may take.
	Timeout time.Duration
	// Settle is how long after its mark a node may still get pods from a scheduler that
	// has not seen it; before that none counts as empty.
	Settle time.Duration
	// Parallel is how many evictions are asked for at once.
	Parallel int
}

// Node is a node that is to be emptied.
type Node struct {
	Name string
	// Marked is when the scheduler was told to leave it alone.
	Marked time.Time
}

// Observer hears how it goes on, from one goroutine.
type Observer interface {
	// Evicted: a pod was asked to leave.
	Evicted(node string, p *corev1.Pod)
	// Waits: a node waits, and for what.
	Waits(node, why string)
	// Empty: a node has no pods any more but those that go with it.
	Empty(node string)
}

// BlockedError is a node that cannot be emptied as things are now.
type BlockedError struct{ Blockers []v1alpha1.Blocker }

func (e *BlockedError) Error() string {
	b := e.Blockers[0]
	text := strings.TrimSpace(b.Object + " " + b.Message)
	if b.Pod != "" {
		text = "pod " + b.Pod + ": " + text
	}
	if b.Fix != "" {
		text += ": " + b.Fix
	}
	if more := len(e.Blockers) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// Reason classifies the failure.
func (*BlockedError) Reason() member.Reason { return member.ReasonRefused }

// TimeoutError is a node that was not empty in time.
type TimeoutError struct {
	After   time.Duration
	Waiting string
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("not empty within %s: %s", e.After, e.Waiting)
}

// Reason classifies the failure.
func (*TimeoutError) Reason() member.Reason { return member.ReasonTimeout }

// Drain empties nodes together, so that they share what budgets allow.
type Drain struct {
	Evictor  Evictor
	View     *View
	Snapshot *snapshot.Snapshot
	Options  Options
	Observer Observer
	// Recheck lists the pods of one node afresh.
	Recheck func(ctx context.Context, node string) ([]*corev1.Pod, error)

	asked   map[types.UID]asked
	retry   map[types.UID]time.Time // not before
	pause   map[types.UID]time.Duration
	blocked map[types.UID]v1alpha1.Blocker
	since   map[types.UID]time.Time // a budget says never
	budgets map[types.UID]time.Time // a budget that has said no, until
	held    time.Time               // the API server asked for patience until
	said    map[string]string
	failing time.Time // since when nothing is answered
	fatal   error     // what ends the turn of all nodes
}

// asked is an eviction that the API server has taken.
type asked struct {
	budget types.UID
	pod    string
	at     time.Time
}

// The pauses of the loop.
const (
	// tick is how long nothing needs to change until it looks again.
	tick = time.Second
	// taken is how long an eviction counts against its budget while the budget's own
	// status does not show it.
	taken      = 3 * time.Second
	firstRetry = time.Second
	lastRetry  = 10 * time.Second
	// patience is how long a cluster may fail to answer.
	patience = time.Minute
	// steady is how long a budget must say that it never allows anything.
	steady = 20 * time.Second
)

// Empty empties nodes. Its result has an entry for each: nil for one that is empty.
// The first error ends the run of one node and no other's, but for that of ctx, or a
// cluster that does not answer, which all then have.
func (d *Drain) Empty(ctx context.Context, nodes []Node) map[string]error {
	d.asked, d.retry, d.pause = map[types.UID]asked{}, map[types.UID]time.Time{}, map[types.UID]time.Duration{}
	d.blocked, d.budgets, d.said = map[types.UID]v1alpha1.Blocker{}, map[types.UID]time.Time{}, map[string]string{}
	d.since = map[types.UID]time.Time{}
	began := time.Now()
	done := map[string]error{}
	for {
		changed := d.View.Changed()
		left := slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { _, is := done[n.Name]; return is })
		if len(left) == 0 {
			return done
		}
		if ctx.Err() != nil {
			return fail(done, left, context.Cause(ctx))
		}
		if d.fatal != nil {
			return fail(done, left, d.fatal)
		}
		if lost := d.View.Lost(); lost != nil && !d.failing.IsZero() && time.Since(d.failing) > patience {
			return fail(done, left, lost)
		}
		round := d.look(left)
		for _, n := range left {
			if err := d.verdict(ctx, n, round.of[n.Name], began); err != nil {
				done[n.Name] = err.error
			}
		}
		d.evict(ctx, round)
		if len(round.ready) == 0 || !d.failing.IsZero() {
			select {
			case <-ctx.Done():
			case <-changed:
			case <-time.After(tick):
			}
		}
	}
}

func fail(done map[string]error, left []Node, err error) map[string]error {
	for _, n := range left {
		done[n.Name] = err
	}
	return done
}

// round is one look at the nodes that are left.
type round struct {
	of map[string]*nodeRound
	// ready are the pods that can be evicted now.
	ready []*corev1.Pod
	index *budget.Index
}

// nodeRound is what a look saw of a node.
type nodeRound struct {
	evictable, leaving []*corev1.Pod
	blockers           []v1alpha1.Blocker
	waits              string
}

// look sorts the pods of the nodes, and shares out what budgets allow: the first
// node's pods first, so that nodes finish one after the other and none waits for
// what a later one holds.
func (d *Drain) look(nodes []Node) round {
	r := round{of: map[string]*nodeRound{}, index: budget.NewIndex(d.View.Budgets())}
	for _, n := range nodes {
		r.of[n.Name] = &nodeRound{}
	}
	for _, p := range d.View.Pods() {
		n := r.of[p.Spec.NodeName]
		if n == nil {
			continue
		}
		if b, is := d.blocked[p.UID]; is {
			n.blockers = append(n.blockers, b)
			continue
		}
		fate, blocker := candidate.FateOf(p, d.Snapshot, r.index, d.Options.Rules)
		if fate != candidate.Keeps {
			delete(d.since, p.UID)
		}
		_, asked := d.asked[p.UID]
		switch {
		case fate == candidate.Leaves, asked && (fate == candidate.Moves || fate == candidate.Ends):
			n.leaving = append(n.leaving, p)
		case fate == candidate.Moves, fate == candidate.Ends:
			n.evictable = append(n.evictable, p)
		case fate == candidate.Keeps && d.passing(p, blocker):
			n.waits = "pod " + blocker.Pod + ": " + blocker.Object + ": " + blocker.Message
			n.evictable = append(n.evictable, nil)
		case fate == candidate.Keeps:
			n.blockers = append(n.blockers, blocker)
		}
	}
	tokens := d.tokens(r.index)
	for _, n := range nodes {
		d.share(r.of[n.Name], &r, tokens)
	}
	return r
}

// passing is true for a blocker that may go by itself. A budget with an integer
// minAvailable counts the pods that there are, and between an eviction and the new
// pod these are too few; pods that are not Ready may be so again. Only what stays so
// was not there when it was planned, and ends the node's turn.
func (d *Drain) passing(p *corev1.Pod, b v1alpha1.Blocker) bool {
	switch b.Reason {
	case "UnhealthyPod":
		return true
	case "PermanentBudget", "UncountedBudget":
		if d.since[p.UID].IsZero() {
			d.since[p.UID] = time.Now()
		}
		return time.Since(d.since[p.UID]) < steady
	}
	return false
}

// tokens is what each budget allows now, less what was taken and does not show yet.
func (d *Drain) tokens(index *budget.Index) map[types.UID]int {
	tokens := map[types.UID]int{}
	shown := map[types.UID]map[string]bool{}
	for _, b := range index.All() {
		tokens[b.UID] = b.Allowed()
		if b.Stale() {
			tokens[b.UID] = 0
		}
		shown[b.UID] = map[string]bool{}
		for pod := range b.Status.DisruptedPods {
			shown[b.UID][pod] = true
		}
	}
	for uid, a := range d.asked {
		switch {
		case a.budget == "":
		case shown[a.budget][a.pod], time.Since(a.at) > taken:
			a.budget = ""
			d.asked[uid] = a
		default:
			tokens[a.budget]--
		}
	}
	return tokens
}

// share gives the pods of a node their turn: those of the lowest priority first, and
// no more than budgets allow.
func (d *Drain) share(n *nodeRound, r *round, tokens map[types.UID]int) {
	if len(n.blockers) > 0 {
		return
	}
	pods := slices.DeleteFunc(slices.Clone(n.evictable), func(p *corev1.Pod) bool { return p == nil })
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(priority(a), priority(b)), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	lowest := int32(0)
	for i, p := range pods {
		if i == 0 {
			lowest = priority(p)
		}
		if priority(p) != lowest || len(n.leaving) > 0 && slices.ContainsFunc(n.leaving, func(l *corev1.Pod) bool { return priority(l) < lowest }) {
			n.waits = cmp.Or(n.waits, "pods of lower priority leave first")
			return
		}
		if time.Now().Before(d.retry[p.UID]) || time.Now().Before(d.held) {
			n.waits = cmp.Or(n.waits, "the API server asked for patience")
			continue
		}
		if b := covering(p, r.index); b != nil {
			if tokens[b.UID] <= 0 || time.Now().Before(d.budgets[b.UID]) {
				n.waits = cmp.Or(n.waits, "budget "+b.Key()+": "+cmp.Or(b.Fix(), "it was used up a moment ago"))
				continue
			}
			tokens[b.UID]--
		}
		r.ready = append(r.ready, p)
	}
}

// covering is the budget that an eviction takes from; nil if it takes from none.
func covering(p *corev1.Pod, index *budget.Index) *budget.Budget {
	if !budget.Counts(p) {
		return nil
	}
	for _, b := range index.Of(p) {
		if !b.Free(p) {
			return b
		}
	}
	return nil
}

func priority(p *corev1.Pod) int32 {
	if p.Spec.Priority == nil {
		return 0
	}
	return *p.Spec.Priority
}

// ended is what became of a node: an error, or nil in it for an empty one.
type ended struct{ error }

// verdict says whether a node's turn has ended, and how.
func (d *Drain) verdict(ctx context.Context, n Node, now *nodeRound, began time.Time) *ended {
	switch {
	case len(now.blockers) > 0:
		return &ended{&BlockedError{now.blockers}}
	case len(now.evictable)+len(now.leaving) > 0:
		why := now.waits
		if why == "" && len(now.leaving) > 0 {
			p := now.leaving[0]
			why = fmt.Sprintf("%d pods are ending, such as %s/%s", len(now.leaving), p.Namespace, p.Name)
			if p.DeletionTimestamp != nil && time.Since(p.DeletionTimestamp.Time) > 30*time.Second {
				why = fmt.Sprintf("pod %s/%s should have ended %s ago: does its kubelet run?", p.Namespace, p.Name, time.Since(p.DeletionTimestamp.Time).Round(time.Second))
			}
		}
		if why != "" && d.said[n.Name] != why {
			d.said[n.Name] = why
			d.Observer.Waits(n.Name, why)
		}
		if time.Since(began) > d.Options.Timeout {
			return &ended{&TimeoutError{d.Options.Timeout, why}}
		}
		return nil
	case time.Since(n.Marked) < d.Options.Settle:
		return nil
	}
	pods, err := d.Recheck(ctx, n.Name)
	if err != nil {
		return nil //nolint:nilerr // it is asked again in the next round
	}
	index := budget.NewIndex(d.View.Budgets())
	for _, p := range pods {
		if fate, _ := candidate.FateOf(p, d.Snapshot, index, d.Options.Rules); fate != candidate.Stays {
			return nil // the view will have it in a moment
		}
	}
	d.Observer.Empty(n.Name)
	return &ended{}
}

// evict asks for all pods that have their turn, side by side.
func (d *Drain) evict(ctx context.Context, r round) {
	results := make([]error, len(r.ready))
	slots := make(chan struct{}, max(1, d.Options.Parallel))
	var wait sync.WaitGroup
	for i, p := range r.ready {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				results[i] = context.Cause(ctx)
				return
			}
			results[i] = d.Evictor.Evict(ctx, p.Namespace, p.Name, p.UID, d.Options.Grace)
		})
	}
	wait.Wait()
	for i, p := range r.ready {
		d.note(p, covering(p, r.index), results[i])
	}
}

// note takes in what the API server said of an eviction.
func (d *Drain) note(p *corev1.Pod, b *budget.Budget, err error) {
	switch {
	case err == nil:
		a := asked{pod: p.Name, at: time.Now()}
		if b != nil {
			a.budget = b.UID
		}
		d.asked[p.UID] = a
		d.failing = time.Time{}
		d.Observer.Evicted(p.Spec.NodeName, p)
		return
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		// The pod that was meant is gone, and another may have its name: the view will
		// say so.
		d.retry[p.UID] = time.Now().Add(firstRetry)
		return
	}
	later := cmp.Or(min(2*d.pause[p.UID], lastRetry), firstRetry)
	d.pause[p.UID] = later
	seconds, suggested := apierrors.SuggestsClientDelay(err)
	if suggested && seconds > 0 {
		later = time.Duration(seconds) * time.Second
	}
	switch {
	case hasCause(err, policyv1.DisruptionBudgetCause) && b != nil:
		// What the view says of the budget was old; its next change is the time.
		d.budgets[b.UID] = time.Now().Add(min(later, firstRetry))
		return
	case apierrors.IsTooManyRequests(err):
		d.held = time.Now().Add(later)
		return
	case severalBudgets(err):
		d.blocked[p.UID] = v1alpha1.Blocker{Reason: "SeveralBudgets", Pod: p.Namespace + "/" + p.Name, Message: err.Error(), Fix: "narrow one of their selectors"}
		return
	case apierrors.IsForbidden(err) && !hasCause(err, corev1.NamespaceTerminatingCause):
		d.blocked[p.UID] = v1alpha1.Blocker{Reason: "Forbidden", Pod: p.Namespace + "/" + p.Name, Message: err.Error(), Fix: "create pods/eviction must be allowed"}
		return
	case apierrors.IsBadRequest(err), apierrors.IsInvalid(err):
		d.blocked[p.UID] = v1alpha1.Blocker{Reason: "Refused", Pod: p.Namespace + "/" + p.Name, Message: err.Error()}
		return
	}
	if reason := member.ReasonOf(err); reason == member.ReasonUnauthorized || reason == member.ReasonLoginFailed {
		d.fatal = err
		return
	}
	d.retry[p.UID] = time.Now().Add(later)
	if d.failing.IsZero() && !errors.Is(err, context.Canceled) {
		d.failing = time.Now()
	}
}

func hasCause(err error, cause metav1.CauseType) bool { return apierrors.HasStatusCause(err, cause) }

// severalBudgets knows the API server's words for a pod under two budgets; there is
// no cause for it (pkg/registry/core/pod/storage/eviction.go).
func severalBudgets(err error) bool {
	return strings.Contains(err.Error(), "more than one PodDisruptionBudget")
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
