package propagate

import (
	"context"
	"slices"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
)

// confirm waits, in the clusters in which nothing was to be done, until that is
// healthy: who asks for a set that is there asks for one that works. After a failure
// nobody waits for more.
func (r *run) confirm(ctx context.Context) {
	failed := slices.ContainsFunc(r.fleet.Clusters, func(c inventory.Cluster) bool { return r.outcomes[c.Name].Err != nil })
	if failed || r.strategy.NoWait || ctx.Err() != nil {
		return
	}
	idle := slices.DeleteFunc(slices.Clone(r.fleet.Clusters), func(c inventory.Cluster) bool {
		return r.outcomes[c.Name].Value.Phase != v1alpha1.PropagationUnchanged
	})
	_ = r.each(ctx, idle, func(ctx context.Context, c inventory.Cluster, outcome *Outcome) error {
		began := time.Now()
		err := r.plans[c.Name].Confirm(ctx, r.strategy.Gate, func(h direct.Health) {
			outcome.Health = h
			r.observer.Looked(c.Name, h)
		})
		if err != nil {
			r.observer.Finished(c.Name, err, time.Since(began))
		}
		return err
	})
}

// sweep gives back the locks of clusters in which nothing is to be done: whoever
// had them was killed when all was done, or is at work.
func (r *run) sweep(ctx context.Context) {
	left := slices.DeleteFunc(slices.Clone(r.fleet.Clusters), func(c inventory.Cluster) bool {
		return !r.plans[c.Name].Idle() || !r.plans[c.Name].Locked()
	})
	fanout.Collect(ctx, left, r.fleet.Fanout, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
		_, lock, err := r.plans[c.Name].Lock(ctx, r.strategy.By)
		if lock != nil { // of a hub's one turn has it for all
			lock.Release(ctx)
		}
		return struct{}{}, err
	})
}
