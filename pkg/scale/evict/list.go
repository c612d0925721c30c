package evict

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
)

// list is that of the pods of a node that seems empty by the view, which may be old.
type list struct {
	at    time.Time // when it was asked for
	open  bool      // it has not come yet
	empty bool      // it had no pods but those that go with the node
}

// listed is the answer to a list.
type listed struct {
	node string
	at   time.Time
	pods []*corev1.Pod
	err  error
}

// list asks for the pods of a node, beside the loop: it is asked for once in a tick, and
// for a few nodes at a time.
func (d *Drain) list(ctx context.Context, node string) {
	last := d.lists[node]
	if last.open || time.Since(last.at) < tick || d.listing == cap(d.listed) {
		return
	}
	d.listing++
	at := time.Now()
	d.lists[node] = list{at: at, open: true}
	go func() {
		pods, err := d.Recheck(ctx, node)
		d.listed <- listed{node, at, pods, err}
	}()
}

// noteList takes in the answer to a list. One that failed, or has a pod that the view will
// have in a moment, is asked for again.
func (d *Drain) noteList(l listed) {
	d.listing--
	if is := d.lists[l.node]; !is.open || !is.at.Equal(l.at) {
		return // the view has had a pod of the node since
	}
	index := budget.NewIndex(d.View.Budgets())
	d.lists[l.node] = list{at: l.at, empty: l.err == nil && !slices.ContainsFunc(l.pods, func(p *corev1.Pod) bool {
		fate, _ := candidate.FateOf(p, d.Snapshot, index, d.Options.Rules)
		return fate != candidate.Stays
	})}
}
