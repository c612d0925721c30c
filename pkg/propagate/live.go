package propagate

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/capacity"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
)

// Live asks every cluster what has to be known before replicas are divided: who
// scales the workloads there, and what is free if that is asked for. objects are
// the final ones of each cluster, by its name, but for their replicas.
func Live(ctx context.Context, f Fleet, r render.Request, objects map[string][]manifest.Object) fanout.Results[render.Live] {
	return fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (render.Live, error) {
		var live render.Live
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return live, err
		}
		if r.ByFree() {
			if live.Free, err = capacity.Read(ctx, m); err != nil {
				return live, err
			}
		}
		live.Scaled, err = capacity.Scaled(ctx, m, r.Candidates(c, objects[c.Name]))
		return live, err
	})
}
