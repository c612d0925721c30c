package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/evict"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/mark"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
)

// Settings are how nodes leave.
type Settings struct {
	// StateNamespace is where each cluster remembers the run.
	StateNamespace string
	// By is who does it, as USER@HOST.
	By string
	// Grace in seconds replaces that of every pod; nil: their own.
	Grace *int64
	// Timeout is how long one wave may take to become empty, and then to pass its gate,
	// and then to be removed.
	Timeout time.Duration
	// Settle is how long a scheduler may not have seen that a node leaves.
	Settle time.Duration
	// Journal are the options that the journal keeps.
	Journal journal.Options
}

// Observer hears how the run of a cluster goes on.
type Observer interface {
	// Wave: these nodes are marked, and are emptied now.
	Wave(cluster string, number, of int, nodes []string)
	// Evicted, Waits and Empty are as evict.Observer's.
	Evicted(cluster, node string, p *corev1.Pod)
	Waits(cluster, node, why string)
	Empty(cluster, node string)
	// Gate: what the gate waits for.
	Gate(cluster, why string)
	// Grows: a pool is given a larger count.
	Grows(cluster, pool string, from, to int64)
	// Removing: from here nothing can be undone.
	Removing(cluster string, nodes []string)
	// Ended: a node has come to its end.
	Ended(cluster string, n journal.Node)
}

// clusterRun is the run of one cluster, under its lock.
type clusterRun struct {
	cluster  string
	member   *member.Member
	request  Request
	settings Settings
	observer Observer
	// check is an error if what was shown to the user is no longer so; nil: there is
	// nothing to look at.
	check func(context.Context) error

	journal  *journal.Run
	removers []remove.Remover // they remember what they have seen
	marks    mark.Nodes
	view     *evict.View
	gate     *gate
}

// StoppedError is a run that stopped before its end: its nodes are as they were, but
// for those that went.
type StoppedError struct{ Err error }

func (e *StoppedError) Error() string { return e.Err.Error() }

func (e *StoppedError) Unwrap() error { return e.Err }

// UnfinishedError is a run that stopped and left something that a person must see to:
// a removal that has begun, or marks that could not be taken back.
type UnfinishedError struct {
	// Nodes are those whose removal has begun.
	Nodes []string
	Err   error
}

func (e *UnfinishedError) Error() string {
	if len(e.Nodes) == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("the removal of %s has begun, and is not confirmed: %v", strings.Join(e.Nodes, ", "), e.Err)
}

func (e *UnfinishedError) Unwrap() error { return e.Err }

// Reason classifies the failure.
func (*UnfinishedError) Reason() member.Reason { return member.ReasonUnhealthy }

// run does what the journal has left to do.
func (r *clusterRun) run(ctx context.Context) error {
	r.marks = mark.Nodes{Member: r.member, Run: r.journal.Run}
	r.removers = r.request.Removers(r.member)
	work := r.waves
	if r.journal.Growth != nil {
		work = r.grow
	}
	var err error
	if r.check != nil {
		err = r.check(ctx)
	}
	if err == nil {
		err = work(ctx)
	}
	if err == nil {
		err = r.end(ctx)
	}
	if err == nil {
		return nil
	}
	return r.pause(ctx, err)
}

// waves does wave after wave.
func (r *clusterRun) waves(ctx context.Context) error {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	err := patience.Try(ctx, func() (err error) {
		r.view, err = evict.NewView(watching, r.member)
		return err
	})
	if err != nil {
		return err
	}
	if err := r.finish(ctx); err != nil { // removals that were begun before
		return err
	}
	last := 0
	for _, n := range r.journal.Nodes {
		last = max(last, n.Wave)
	}
	for number := 1; number <= last; number++ {
		wave := r.left(number)
		if len(wave) == 0 {
			continue
		}
		if err := r.wave(ctx, number, last, wave); err != nil {
			return err
		}
	}
	return nil
}

// left are the nodes of a wave that have not come to their end.
func (r *clusterRun) left(number int) []*journal.Node {
	var left []*journal.Node
	for i := range r.journal.Nodes {
		if n := &r.journal.Nodes[i]; n.Wave == number && !n.Phase.Ended() {
			left = append(left, n)
		}
	}
	return left
}

// wave empties the nodes of one wave, and removes them.
func (r *clusterRun) wave(ctx context.Context, number, of int, wave []*journal.Node) error {
	l, err := r.again(ctx, wave)
	if err != nil {
		return err
	}
	wave = unended(wave)
	if len(wave) == 0 {
		return r.journal.Save(ctx)
	}
	if r.gate, err = r.baseline(ctx, l, wave); err != nil {
		return err
	}
	for _, n := range wave {
		n.Phase = journal.Draining
	}
	if err := r.journal.Save(ctx); err != nil { // before the first mark
		return err
	}
	r.observer.Wave(r.cluster, number, of, namesOf(wave))
	if err := r.mark(ctx, number, wave); err != nil {
		return err
	}
	marked := time.Now()
	if err := r.empty(ctx, l, wave, marked); err != nil {
		return err
	}
	wave = unended(wave)
	if len(wave) == 0 {
		return nil
	}
	if err := r.detached(ctx, l, wave); err != nil {
		return err
	}
	if err := r.gate.pass(ctx, r.settings.Timeout); err != nil {
		return err
	}
	if err := r.recheck(ctx, l, wave); err != nil {
		return err
	}
	if r.journal.Options.KeepNodes {
		emptied := unended(wave)
		if err := sideBySide(emptied, func(n *journal.Node) error { return r.marks.Rests(ctx, n.Name, n.UID) }).first(); err != nil {
			return err
		}
		for _, n := range emptied {
			n.Phase = journal.Drained
			r.observer.Ended(r.cluster, *n)
		}
		return r.journal.Save(ctx)
	}
	if err := r.begin(ctx, wave); err != nil {
		return err
	}
	return r.finish(ctx)
}

func unended(wave []*journal.Node) []*journal.Node {
	return slices.DeleteFunc(slices.Clone(wave), func(n *journal.Node) bool { return n.Phase.Ended() })
}

func namesOf(wave []*journal.Node) []string {
	names := make([]string, len(wave))
	for i, n := range wave {
		names[i] = n.Name
	}
	return names
}

// mark marks the nodes of a wave, and tells the scheduler to prefer others to those
// of later ones. Nothing is evicted before the API server has every mark.
func (r *clusterRun) mark(ctx context.Context, number int, wave []*journal.Node) error {
	if err := r.guard(ctx, wave); err != nil {
		return err
	}
	if err := r.leave(ctx, wave); err != nil {
		return err
	}
	var later []*journal.Node
	for i := range r.journal.Nodes {
		if n := &r.journal.Nodes[i]; n.Wave > number && !n.Phase.Ended() {
			later = append(later, n)
		}
	}
	return sideBySide(later, func(n *journal.Node) error {
		err := r.marks.Later(ctx, n.Name, n.UID)
		if _, gone := errors.AsType[*mark.GoneError](err); gone {
			return nil
		}
		return err
	}).first()
}

// leave marks nodes that are emptied now.
func (r *clusterRun) leave(ctx context.Context, nodes []*journal.Node) error {
	return sideBySide(nodes, func(n *journal.Node) error { return r.marks.Leaving(ctx, n.Name, n.UID) }).first()
}

// empty empties the nodes of a wave. Those that cannot be emptied stay.
func (r *clusterRun) empty(ctx context.Context, l *look, wave []*journal.Node, marked time.Time) error {
	nodes := make([]evict.Node, len(wave))
	for i, n := range wave {
		nodes[i] = evict.Node{Name: n.Name, Marked: marked}
	}
	drain := evict.Drain{
		Evictor: r.member, View: r.view, Snapshot: l.snapshot, Observer: named{r.cluster, r.observer},
		Options: evict.Options{Rules: r.request.Policy.Pods, Grace: r.settings.Grace, Timeout: r.settings.Timeout, Settle: r.settings.Settle, Parallel: evictions},
		Recheck: func(ctx context.Context, node string) ([]*corev1.Pod, error) {
			return evict.PodsOf(ctx, r.member, node)
		},
	}
	results := drain.Empty(ctx, nodes)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var timedOut error
	for _, n := range wave {
		err := results[n.Name]
		_, blocked := errors.AsType[*evict.BlockedError](err)
		late, timeout := errors.AsType[*evict.TimeoutError](err)
		switch {
		case err == nil:
		case blocked:
			if err := r.keep(ctx, n, err.Error()); err != nil {
				return err
			}
		case timeout:
			timedOut = late
			if err := r.keep(ctx, n, err.Error()); err != nil {
				return err
			}
		default:
			return err
		}
	}
	if timedOut != nil && len(unended(wave)) == 0 {
		return errors.Join(r.journal.Save(ctx), &StoppedError{timedOut})
	}
	return r.journal.Save(ctx)
}

// evictions are asked for side by side, in one cluster.
const evictions = 32

// recheck looks at the nodes a last time before they are removed: they still have
// our marks, and no pods but those that go with them. A mark that somebody took away
// is made again, once.
func (r *clusterRun) recheck(ctx context.Context, l *look, wave []*journal.Node) error {
	var again []*journal.Node
	found := make(map[string]*corev1.Node, len(wave))
	var mu sync.Mutex
	err := sideBySide(wave, func(n *journal.Node) error {
		is, err := nodeNow(ctx, r.member, n.Name)
		mu.Lock()
		defer mu.Unlock()
		found[n.Name] = is
		return err
	}).first()
	if err != nil {
		return err
	}
	for _, n := range wave {
		is := found[n.Name]
		if is == nil || is.UID != n.UID {
			n.Phase, n.Why = journal.Removed, "somebody else has removed it"
			r.observer.Ended(r.cluster, *n)
			continue
		}
		if r.marks.IsMarked(is) {
			continue
		}
		if n.Recordoned {
			return &StoppedError{&member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf("somebody has uncordoned node %s twice: they want it to stay", n.Name)}}
		}
		n.Recordoned = true
		again = append(again, n)
	}
	if len(again) == 0 {
		return nil
	}
	r.observer.Gate(r.cluster, "somebody has uncordoned "+strings.Join(namesOf(again), ", ")+": it is marked once more, and emptied")
	if err := r.journal.Save(ctx); err != nil {
		return err
	}
	if err := r.leave(ctx, again); err != nil {
		return err
	}
	if err := r.empty(ctx, l, again, time.Now()); err != nil {
		return err
	}
	if err := r.gate.pass(ctx, r.settings.Timeout); err != nil {
		return err
	}
	return r.recheck(ctx, l, unended(wave))
}

// end notes that all is done.
func (r *clusterRun) end(ctx context.Context) error {
	r.journal.Phase, r.journal.Why = journal.Done, ""
	return r.journal.Save(ctx)
}

// named tells an evict.Observer's news with the cluster's name.
type named struct {
	cluster  string
	observer Observer
}

// Evicted implements evict.Observer.
func (n named) Evicted(node string, p *corev1.Pod) { n.observer.Evicted(n.cluster, node, p) }

// Waits implements evict.Observer.
func (n named) Waits(node, why string) { n.observer.Waits(n.cluster, node, why) }

// Empty implements evict.Observer.
func (n named) Empty(node string) { n.observer.Empty(n.cluster, node) }
