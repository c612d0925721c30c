package scale

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
)

// guard keeps others from nodes that are about to be emptied, where their owners can:
// who takes an emptied node for a sick one would put another in its place.
func (r *clusterRun) guard(ctx context.Context, wave []*journal.Node) error {
	for _, n := range wave {
		if err := r.guarded(ctx, n, func(g remove.Guard, nodes []remove.Node) error { return g.Guard(ctx, r.journal.Run, nodes) }); err != nil {
			return err
		}
	}
	return nil
}

// stays takes back what tells others that a node leaves. One whose wave has not come
// was never guarded.
func (r *clusterRun) stays(ctx context.Context, n *journal.Node) error {
	if err := r.marks.Stays(ctx, n.Name, n.UID); err != nil || n.Phase != journal.Draining {
		return err
	}
	return r.guarded(ctx, n, func(g remove.Guard, nodes []remove.Node) error { return g.Unguard(ctx, r.journal.Run, nodes) })
}

// guarded does something with the guard of a node, if its owner has one.
func (r *clusterRun) guarded(ctx context.Context, n *journal.Node, do func(remove.Guard, []remove.Node) error) error {
	for _, remover := range r.removers {
		if g, guards := remover.(remove.Guard); guards && remover.Name() == n.Owner.Remover {
			return patience.Try(ctx, func() error { return do(g, []remove.Node{n.Node}) })
		}
	}
	return nil
}
