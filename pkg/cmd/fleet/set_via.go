package fleet

import (
	"context"
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/hub"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
)

// goOnBy goes on with a run by a hub.
func (o *propagateOptions) goOnBy(ctx context.Context, selection cli.Selection) error {
	var run *propagate.HubResumption
	p, err := o.planBy(ctx, selection, func(fleet propagate.Fleet, by inventory.Cluster) (*hub.Plan, []fanout.Failure) {
		var failures []fanout.Failure
		if run, failures = propagate.PlanHubResume(ctx, fleet, by, o.options); run == nil {
			return nil, failures
		}
		return run.Plan, nil
	})
	if err != nil {
		return err
	}
	if run == nil {
		return o.nothingToGoOn(p.hub)
	}
	return p.apply(ctx, o.strategyOf(&run.Resumption, len(p.fleet.Clusters)), render.Result{}, fmt.Sprintf("Go on with %s in %s", o.options.Set, clusters(len(p.fleet.Clusters))))
}

// rollbackBy brings back what a hub brought to the clusters.
func (o *rollbackOptions) rollbackBy(ctx context.Context, selection cli.Selection) error {
	p, err := o.planBy(ctx, selection, func(fleet propagate.Fleet, by inventory.Cluster) (*hub.Plan, []fanout.Failure) {
		return propagate.PlanHubRollback(ctx, fleet, by, o.options, o.to)
	})
	if err != nil {
		return err
	}
	p.sayUnfinished()
	strategy, err := o.rollout.over(p.fleet.Clusters)
	if err != nil {
		return err
	}
	if revision := p.plan.Restores(); revision != nil {
		o.sayTarget(names(p.fleet.Clusters), *revision)
	}
	return p.apply(ctx, strategy, render.Result{}, fmt.Sprintf("Bring back %s in %s", o.options.Set, clusters(len(p.fleet.Clusters))))
}

// withdrawBy takes away what a hub brought to the clusters.
func (o *propagateOptions) withdrawBy(ctx context.Context, selection cli.Selection) error {
	p, err := o.planBy(ctx, selection, func(fleet propagate.Fleet, by inventory.Cluster) (*hub.Plan, []fanout.Failure) {
		return propagate.PlanHubWithdraw(ctx, fleet, by, o.options)
	})
	if err != nil {
		return err
	}
	view := p.view()
	if o.mutation.DryRun != "" {
		return o.print(view.planned(), nil)
	}
	if err := p.ask(ctx, view, fmt.Sprintf("Withdraw %s from %s", o.options.Set, clusters(len(p.fleet.Clusters)))); err != nil {
		return err
	}
	return p.conclude(ctx, view, propagate.WithdrawHub(ctx, p.fleet, p.plan, o.rollout.strategy, newRunProgress(o.env)))
}
