package scale

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
)

// begin writes into the journal what will be removed, and how: from then on nothing
// can be undone.
func (r *clusterRun) begin(ctx context.Context, wave []*journal.Node) error {
	wave = unended(wave)
	by := map[string][]remove.Node{}
	for _, n := range wave {
		by[n.Owner.Remover] = append(by[n.Owner.Remover], n.Node)
	}
	var steps []*remove.Step
	for name, nodes := range by {
		remover, err := r.remover(name)
		if err != nil {
			return err
		}
		var begun []*remove.Step
		err = patience.Try(ctx, func() (err error) {
			begun, err = remover.Begin(ctx, nodes)
			return err
		})
		if err != nil {
			return &StoppedError{err}
		}
		steps = append(steps, begun...)
	}
	for _, s := range steps {
		s.Run = r.journal.Run
	}
	for _, n := range wave {
		n.Phase = journal.Removing
	}
	r.journal.Steps = append(r.journal.Steps, steps...)
	if err := r.journal.Save(ctx); err != nil {
		return err
	}
	r.observer.Removing(r.cluster, namesOf(wave))
	return nil
}

// The pauses between two looks at a removal grow from the first to the last.
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 5 * time.Second
)

// finish does the removals that were begun, and waits until they are confirmed.
func (r *clusterRun) finish(ctx context.Context) error {
	began := time.Now()
	for pause := firstLook; ; pause = min(pause*3/2, lastLook) {
		var waiting []string
		var open []string
		for _, s := range r.journal.Steps {
			if r.confirmed(s) {
				continue
			}
			why, err := r.step(ctx, s)
			if err != nil {
				return &UnfinishedError{stepNodes(s), err}
			}
			if why != "" {
				waiting = append(waiting, why)
				open = append(open, stepNodes(s)...)
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		r.observer.Gate(r.cluster, strings.Join(waiting, "; "))
		if time.Since(began) > r.settings.Timeout {
			return &UnfinishedError{open, &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf("after %s: %s", r.settings.Timeout, strings.Join(waiting, "; "))}}
		}
		select {
		case <-ctx.Done():
			return &UnfinishedError{open, context.Cause(ctx)}
		case <-time.After(pause):
		}
	}
}

func stepNodes(s *remove.Step) []string {
	names := make([]string, len(s.Nodes))
	for i, n := range s.Nodes {
		names[i] = n.Name
	}
	return names
}

// confirmed is true if all nodes of a step are gone.
func (r *clusterRun) confirmed(s *remove.Step) bool {
	return !slices.ContainsFunc(s.Nodes, func(n remove.Node) bool { return r.journal.Node(n.Name).Phase != journal.Removed })
}

// step does a removal, or looks how far it has come.
func (r *clusterRun) step(ctx context.Context, s *remove.Step) (waiting string, err error) {
	remover, err := r.remover(s.Remover)
	if err != nil {
		return "", err
	}
	if !s.Done {
		// What was done of it is found, and not done again.
		if err := patience.Try(ctx, func() error { return remover.Remove(ctx, s) }); err != nil {
			return "", err
		}
		s.Done = true
		if err := r.journal.Save(ctx); err != nil {
			return "", err
		}
	}
	var progress remove.Progress
	err = patience.Try(ctx, func() (err error) {
		progress, err = remover.Confirm(ctx, s)
		return err
	})
	if err != nil {
		return "", err
	}
	if !progress.Gone {
		return progress.Waiting, nil
	}
	for _, n := range s.Nodes {
		node := r.journal.Node(n.Name)
		node.Phase = journal.Removed
		r.observer.Ended(r.cluster, *node)
	}
	return "", r.journal.Save(ctx)
}
