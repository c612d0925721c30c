// Package evict empties nodes through the Eviction API, no faster than budgets
// allow. Every eviction carries the UID of the pod that it means: a pod of the same
// name on another node is never touched.
package evict

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
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
	// Parallel is how many evictions may be on their way: a few, and more if the API server
	// is slow to answer.
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
func (*TimeoutError) Reason() member.Reason { return member.ReasonUnhealthy }

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
	answers chan answer     // of what was asked for
	lists   map[string]list // of nodes that seem empty
	listed  chan listed
	listing int                     // lists that have not come yet
	retry   map[types.UID]time.Time // not before
	pause   map[types.UID]time.Duration
	blocked map[types.UID]v1alpha1.Blocker
	since   map[types.UID]time.Time // a budget says never
	budgets map[types.UID]time.Time // a budget that has said no, until
	held    time.Time               // the API server asked for patience until
	said    map[string]said         // by node
	failing time.Time               // since when nothing is answered
	fatal   error                   // what ends the turn of all nodes
}

// asked is an eviction that was asked for, or that the API server has taken.
type asked struct {
	budget types.UID
	pod    string
	at     time.Time // when it was asked for, and then when it was taken
	open   bool      // it is not answered yet
	// controller makes another pod at once, and placed is how many of its new ones have a
	// node when that one has; empty: nobody does.
	controller types.UID
	placed     int
}

// The pauses of the loop.
const (
	// tick is how long nothing needs to change until it looks again.
	tick = time.Second
	// gather is how long changes come together before it looks again: a look goes over all
	// pods that are left, and in a large drain the budgets change some hundred times a second.
	gather = 20 * time.Millisecond
	// abreast evictions are under way side by side, each until the pod that comes instead
	// has a node, and in the place of one that takes longer than brief, another. More would
	// only have more pods away at once: a cluster that is evicted from faster than it makes
	// new pods has them wait for their turn.
	abreast = 2
	brief   = time.Second
	// rechecks is how many nodes that seem empty are listed side by side.
	rechecks = 4
	// taken is how long an eviction counts against its budget while the budget's own
	// status does not show it.
	taken      = 3 * time.Second
	firstRetry = time.Second
	lastRetry  = 10 * time.Second
	// patience is how long a cluster may fail to answer.
	patience = time.Minute
	// lasting is how long a wait is not told again in other words.
	lasting = 10 * time.Second
	// steady is how long a budget must say that it never allows anything.
	steady = 20 * time.Second
)

// Empty empties nodes. Its result has an entry for each: nil for one that is empty.
// The first error ends the run of one node and no other's, but for that of ctx, or a
// cluster that does not answer, which all then have.
func (d *Drain) Empty(ctx context.Context, nodes []Node) map[string]error {
	d.asked, d.retry, d.pause = map[types.UID]asked{}, map[types.UID]time.Time{}, map[types.UID]time.Duration{}
	d.blocked, d.budgets, d.said = map[types.UID]v1alpha1.Blocker{}, map[types.UID]time.Time{}, map[string]said{}
	d.since = map[types.UID]time.Time{}
	d.answers = make(chan answer, max(1, d.Options.Parallel))
	d.lists, d.listed = map[string]list{}, make(chan listed, rechecks)
	asking, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// What was asked for is not given up when ctx ends: an API server that takes it from
	// the budget, and then is told that nobody waits, leaves the pod, and the budget is
	// used up for two minutes.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(answered, cancel) })()
	defer d.hearAll()
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
		looked := time.Now()
		round := d.look(left)
		d.ask(asking, round)
		for _, n := range left {
			if err := d.verdict(ctx, n, round.of[n.Name], began); err != nil {
				done[n.Name] = err.error
			}
		}
		select {
		case <-ctx.Done():
		case a := <-d.answers:
			d.note(a)
		case l := <-d.listed:
			d.noteList(l)
		case <-changed:
		case <-time.After(tick):
		}
		select {
		case <-ctx.Done():
		case <-time.After(gather - time.Since(looked)):
		}
		d.hear()
	}
}

func fail(done map[string]error, left []Node, err error) map[string]error {
	for _, n := range left {
		done[n.Name] = err
	}
	return done
}

// waitsFor is the wait for pods that are ending, and names one of them.
func waitsFor(leaving []*corev1.Pod) wait {
	p := slices.MinFunc(leaving, soonest) // the same in each round, or it would be said again
	w := wait{"pod " + p.Namespace + "/" + p.Name, "it is ending"}
	if p.DeletionTimestamp != nil && time.Since(p.DeletionTimestamp.Time) > 30*time.Second {
		w.why = fmt.Sprintf("it should have ended %s ago: does its kubelet run?", time.Since(p.DeletionTimestamp.Time).Round(time.Second))
	}
	if more := len(leaving) - 1; more > 0 {
		w.why += fmt.Sprintf(" (and %d more)", more)
	}
	return w
}

// soonest orders pods by when they should have ended; those that are not told yet are last.
func soonest(a, b *corev1.Pod) int {
	switch at, bt := a.DeletionTimestamp, b.DeletionTimestamp; {
	case at == nil && bt != nil:
		return 1
	case at != nil && bt == nil:
		return -1
	case at != nil && !at.Equal(bt):
		return at.Compare(bt.Time)
	}
	return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
}

// say tells the observer what a node waits for: another object at once, and other
// words about the same one when it has lasted, since counts change with every pod.
func (d *Drain) say(node string, w wait) {
	last := d.said[node]
	if w.why == "" || w == last.wait || w.object == last.object && time.Since(last.at) < lasting {
		return
	}
	d.said[node] = said{w, time.Now()}
	d.Observer.Waits(node, w.String())
}

// said is what was last told of a node.
type said struct {
	wait
	at time.Time
}

// ended is what became of a node: an error, or nil in it for an empty one.
type ended struct{ error }

// verdict says whether a node's turn has ended, and how.
func (d *Drain) verdict(ctx context.Context, n Node, now *nodeRound, began time.Time) *ended {
	switch {
	case len(now.blockers) > 0:
		return &ended{&BlockedError{now.blockers}}
	case len(now.evictable)+len(now.leaving) > 0:
		delete(d.lists, n.Name)
		waits := now.waits
		if waits.why == "" && len(now.leaving) > 0 {
			waits = waitsFor(now.leaving)
		}
		d.say(n.Name, waits)
		if time.Since(began) > d.Options.Timeout {
			return &ended{&TimeoutError{d.Options.Timeout, waits.String()}}
		}
		return nil
	case time.Since(n.Marked) < d.Options.Settle:
		return nil
	case !d.lists[n.Name].empty:
		d.list(ctx, n.Name)
		return nil
	}
	d.Observer.Empty(n.Name)
	return &ended{}
}
