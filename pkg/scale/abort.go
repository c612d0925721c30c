package scale

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/mark"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Abort ends the runs of clusters: nodes that are not being removed lose our marks,
// and stay. With undo nodes that were emptied and kept are uncordoned, too.
func Abort(ctx context.Context, f Fleet, r func(journal.Options) (Request, error), s Settings, undo bool) fanout.Results[Outcome] {
	return fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (Outcome, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return Outcome{}, err
		}
		return under(ctx, m, s, func(ctx context.Context, store state.Store) (Outcome, error) {
			j, err := journal.Load(ctx, store)
			if err != nil || !CanAbort(j, undo) {
				return Outcome{}, err
			}
			one := &clusterRun{cluster: c.Name, member: m, journal: j, marks: mark.Nodes{Member: m, Run: j.Run}}
			if slices.ContainsFunc(j.Nodes, func(n journal.Node) bool { return n.Phase == journal.Draining && n.Owner.Remover != "" }) {
				request, err := r(j.Options)
				if err != nil {
					return Outcome{Journal: j.Journal}, err
				}
				one.removers = request.Removers(m)
			}
			err = one.abort(ctx, undo)
			return Outcome{Journal: j.Journal}, err
		})
	})
}

// CanAbort is true for a run that has something left to end, or with undo to take
// back. j may be nil.
func CanAbort(j *journal.Run, undo bool) bool {
	return j != nil && (mayBegin(j) != nil || undo && slices.ContainsFunc(j.Nodes, func(n journal.Node) bool { return n.Phase == journal.Drained }))
}

func (r *clusterRun) abort(ctx context.Context, undo bool) error {
	j := r.journal
	var removing []string
	var marked []*journal.Node
	for i := range j.Nodes {
		n := &j.Nodes[i]
		switch {
		case n.Phase == journal.Removing:
			removing = append(removing, n.Name)
		case n.Phase == journal.Drained && undo, !n.Phase.Ended():
			marked = append(marked, n)
		}
	}
	if err := r.stay(ctx, marked...).first(); err != nil {
		return err
	}
	for _, n := range marked {
		n.Phase, n.Why = journal.Kept, "the run was aborted"
	}
	if len(removing) > 0 {
		j.Phase = journal.Paused
		return errors.Join(j.Save(ctx), &UnfinishedError{removing, errors.New("that cannot be undone: resume brings it to its end")})
	}
	j.Phase = journal.Aborted
	if g := j.Growth; g != nil && g.Told {
		j.Why = fmt.Sprintf("pool %s keeps its count of %d", g.Pool.Name, g.To)
	}
	return j.Save(ctx)
}
