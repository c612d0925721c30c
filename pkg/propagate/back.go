package propagate

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
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

// rollback brings the clusters that were touched back to what they had, and the
// others to before they were prepared.
func (r *run) rollback(ctx context.Context, failed error) {
	r.observer.RollingBack(namesOf(r.touched), failed)
	r.cancel(ctx)
	r.skip(failed)
	id := set.Run{ID: rand.Text(), By: r.strategy.By, Started: time.Now().UTC().Format(time.RFC3339)}
	fanout.Collect(ctx, r.touched, r.fleet.Fanout, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
		ctx, stop := r.held.under(ctx, c.Name)
		defer stop()
		plan, health, err := r.back(ctx, c, id)
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil {
			result := r.outcomes[c.Name]
			result.Value.RollbackErr = err
			r.outcomes[c.Name] = result
			return struct{}{}, err
		}
		r.number(r.plans[c.Name].Where(), plan)
		result := r.outcomes[c.Name]
		result.Value.Phase, result.Value.Health = v1alpha1.PropagationRolledBack, health
		result.Value.Left, result.Value.Back = plan.Left(), plan.Planned()
		r.outcomes[c.Name] = result
		return struct{}{}, nil
	})
}

// number gives all the clusters whose set is remembered in one the revision that they were
// brought back by: on a hub also those that had no turn.
func (r *run) number(where string, back Engine) {
	for _, c := range r.busy {
		if result := r.outcomes[c.Name]; r.plans[c.Name].Where() == where {
			result.Value.Revision, result.Value.Restores = back.Revision(), back.Restored()
			r.outcomes[c.Name] = result
		}
	}
}

// back brings one cluster back.
func (r *run) back(ctx context.Context, c inventory.Cluster, id set.Run) (plan Engine, health direct.Health, err error) {
	if plan, err = r.plans[c.Name].Back(ctx); err != nil {
		return nil, health, err
	}
	if err := plan.Prepare(ctx, id); err != nil {
		return nil, health, err
	}
	if err := plan.Apply(ctx, func(*direct.Change) {}); err != nil {
		return nil, health, err
	}
	err = plan.Await(ctx, direct.Gate{Timeout: r.strategy.Gate.Timeout}, func(h direct.Health) { health = h })
	if err != nil {
		return nil, health, err
	}
	return plan, health, plan.Finish(ctx)
}
