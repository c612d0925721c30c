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

// stay takes back what tells others that nodes leave. One whose wave has not come was
// never guarded.
func (r *clusterRun) stay(ctx context.Context, nodes ...*journal.Node) outcomes {
	errs := sideBySide(nodes, func(n *journal.Node) error { return r.marks.Stays(ctx, n.Name, n.UID) })
	for i, n := range nodes {
		if errs[i] == nil && n.Phase == journal.Draining {
			errs[i] = r.guarded(ctx, n, func(g remove.Guard, nodes []remove.Node) error { return g.Unguard(ctx, r.journal.Run, nodes) })
		}
	}
	return errs
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
