package propagate

import (
	"context"
	"errors"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
)

// PlanRollback plans to bring a set of every cluster back to a revision, or with 0
// to the one before. lacking are the clusters without the set.
func PlanRollback(ctx context.Context, f Fleet, o direct.Options, to int) (planned fanout.Results[*direct.Plan], lacking []string) {
	unfinished := f.unfinished(ctx, o)
	return f.planEach(ctx, func(ctx context.Context, c inventory.Cluster) (*direct.Plan, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		return direct.PlanRollback(ctx, m, o, to, unfinished)
	})
}

// unfinished are the runs that did not end everywhere. A cluster that is through
// with such a run cannot know it; so all are asked first.
func (f Fleet) unfinished(ctx context.Context, o direct.Options) map[string]bool {
	var mu sync.Mutex
	runs := map[string]bool{}
	fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return struct{}{}, err // whoever plans for it hears that, too
		}
		journal, ended, err := direct.LastRun(ctx, m, o)
		if err == nil && !ended {
			mu.Lock()
			defer mu.Unlock()
			runs[journal.Run.ID] = true
		}
		return struct{}{}, err
	})
	return runs
}

// PlanWithdraw plans to take a set out of every cluster. lacking are the clusters
// without it.
func PlanWithdraw(ctx context.Context, f Fleet, o direct.Options) (planned fanout.Results[*direct.Plan], lacking []string) {
	return f.planEach(ctx, func(ctx context.Context, c inventory.Cluster) (*direct.Plan, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		return direct.PlanWithdraw(ctx, m, o)
	})
}

// planEach plans side by side and leaves out the clusters without the set.
func (f Fleet) planEach(ctx context.Context, plan fanout.Func[*direct.Plan]) (planned fanout.Results[*direct.Plan], lacking []string) {
	for _, r := range fanout.Collect(ctx, f.Clusters, f.Fanout, plan) {
		if _, none := errors.AsType[*direct.NoSetError](r.Err); none {
			lacking = append(lacking, r.Cluster.Name)
			continue
		}
		planned = append(planned, r)
	}
	planned.RefuseTwins(func(p *direct.Plan) string { return p.UID })
	return planned, lacking
}

// Withdraw takes a set out of every cluster, under its lock, and forgets it there.
// What is deleted has the time of the strategy's gate to go.
func Withdraw(ctx context.Context, f Fleet, plans map[string]*direct.Plan, s Strategy, o Observer) fanout.Results[Outcome] {
	r := newRun(f, engines(plans), s, o)
	r.busy = f.Clusters
	r.withdraw(ctx)
	return r.results()
}
