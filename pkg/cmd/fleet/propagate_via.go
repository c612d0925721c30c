package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
)

// viaDirect is the engine without a hub.
const viaDirect = "direct"

// parseVia reads --via: the context of a hub, or empty without one.
func parseVia(given string, clusters *cli.ClusterFlags) (hub string, err error) {
	if given == "" {
		given = clusters.SoleHub()
	}
	engine, context, named := strings.Cut(given, "=")
	switch {
	case given == "", given == viaDirect:
		return "", nil
	case engine == "karmada" && context != "":
		return context, nil
	case engine == "karmada":
		return "", errors.New("--via karmada: it needs the context of the control plane: karmada=CONTEXT")
	case engine == viaDirect && named:
		return "", fmt.Errorf("--via %s: direct takes no context", given)
	}
	return "", fmt.Errorf("--via %q: there are direct and karmada=CONTEXT", given)
}

// propagateBy has a Karmada control plane bring the objects to the clusters.
func (o *propagateOptions) propagateBy(ctx context.Context, selection cli.Selection, rendered render.Result) error {
	hub, err := o.clusters.Hub(ctx, o.hub)
	if err != nil {
		return cli.UsageError(fmt.Errorf("--via %w", err))
	}
	strategy, err := o.rollout.over(selection.Clusters)
	if err != nil {
		return err
	}
	fleet := propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	request := propagate.HubRequest{Hub: hub, Rendered: rendered.Clusters, Weights: o.render.request.Division.Weights, Options: o.options}
	request.Options.Untried = o.mutation.DryRun == cli.DryRunClient
	line := selection.ShowWaiting(o.env)
	plan, failures := propagate.PlanHub(ctx, fleet, request)
	line.Done()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case len(failures) > 0:
		return o.refuse(failures)
	}
	view := planView{set: o.options.Set, via: hub.Name, dryRun: o.mutation.DryRun, clusters: fleet.Clusters, plans: map[string]*direct.Plan{}, rendered: rendered}
	for _, c := range fleet.Clusters { // what is written is written once, and is for all of them
		view.plans[c.Name] = plan.Plan
	}
	if o.mutation.DryRun != "" || plan.Idle() {
		return o.print(view.planned(), nil)
	}
	_, deletes := plan.Counts()
	err = o.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error { return view.show(w, o.output.Table(), strategy.Waves) }, Clusters: len(fleet.Clusters), Deletions: deletes,
		Do: fmt.Sprintf("Apply %s to %s by %s", o.options.Set, clusters(len(fleet.Clusters)), hub.Name),
	})
	if err != nil {
		return err
	}
	results := propagate.RunHub(ctx, fleet, plan, strategy, newRunProgress(o.env))
	return o.conclude(ctx, view, results)
}
