package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/hub"
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

// addVia binds the flag that parseVia reads.
func addVia(flags *pflag.FlagSet, via *string) {
	flags.StringVar(via, "via", "", "Who brings it to the clusters: direct, or karmada=CONTEXT for a control plane (default: that of --inventory, if it is the only one, else direct)")
}

// hubOf is the control plane of a context.
func hubOf(ctx context.Context, clusters *cli.ClusterFlags, context string) (inventory.Cluster, error) {
	hub, err := clusters.Hub(ctx, context)
	if err != nil {
		return hub, &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("--via %w", err), Hint: "kubectl config get-contexts lists the contexts"}
	}
	return hub, nil
}

// selectVia selects the clusters to which a hub brings sets, or without one any. The
// kubeconfig need not have those that a hub has.
func selectVia(ctx context.Context, flags *cli.ClusterFlags, hub string) (cli.Selection, error) {
	selection, err := flags.Select(ctx)
	if hub == "" || flags.OnHubs() {
		return selection, err
	}
	remedy := "--inventory karmada=" + cli.ShellWord(hub) + " has those that joined it, be they in the kubeconfig or not"
	_, unknown := errors.AsType[*inventory.UnknownClusterError](err)
	if usage, is := errors.AsType[*cli.Error](err); is && unknown {
		usage.Hint += "; " + remedy
	}
	if err == nil && !slices.ContainsFunc(selection.Clusters, func(c inventory.Cluster) bool { return c.Context != hub }) {
		err = &cli.Error{Code: cli.ExitUsage, Err: fmt.Errorf("no cluster is selected but %s, which is the control plane itself", hub), Hint: remedy}
	}
	return selection, err
}

// planBy plans on the hub. plan is given the fleet and the hub.
func (o *propagateOptions) planBy(ctx context.Context, selection cli.Selection, plan func(propagate.Fleet, inventory.Cluster) (*hub.Plan, []fanout.Failure)) (*byHub, error) {
	by, err := hubOf(ctx, o.clusters, o.hub)
	if err != nil {
		return nil, err
	}
	fleet := propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	line := selection.ShowWaiting(o.env)
	planned, failures := plan(fleet, by)
	line.Done()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if len(failures) == 1 {
		if _, none := errors.AsType[*direct.NoSetError](failures[0].Err); none {
			return nil, &cli.Error{Code: cli.ExitFailed, Err: fmt.Errorf("%s brings no set %s to clusters; --via direct looks into the clusters themselves", by.Name, o.options.Set)}
		}
	}
	if len(failures) > 0 {
		return nil, o.refuse(failures)
	}
	p := &byHub{propagateOptions: o, plan: planned, hub: by.Name}
	if planned == nil { // there is nothing to be done
		return p, nil
	}
	var lacking []string
	if p.fleet, lacking = fleet.On(planned, by); len(lacking) > 0 {
		o.env.Note("%s: there is no set %s", strings.Join(lacking, ", "), o.options.Set)
	}
	return p, nil
}

// byHub is a plan of a hub, and the clusters that it is for.
type byHub struct {
	*propagateOptions

	hub   string
	plan  *hub.Plan
	fleet propagate.Fleet
}

// view is the plan as it is shown: what is written is written once, and is for all
// clusters.
func (p *byHub) view() planView {
	view := planView{
		set: p.options.Set, via: p.hub, dryRun: p.mutation.DryRun, clusters: p.fleet.Clusters,
		plans: map[string]*direct.Plan{}, arrivals: map[string][]v1alpha1.ObjectChange{},
	}
	for _, c := range p.fleet.Clusters {
		view.plans[c.Name], view.arrivals[c.Name] = p.plan.Plan, p.plan.Arrivals(c.Name)
	}
	return view
}

// ask shows the plan and asks.
func (p *byHub) ask(ctx context.Context, view planView, do string) error {
	_, deletes := p.plan.Counts()
	return p.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error { return view.show(w, p.output.Table()) }, Clusters: len(p.fleet.Clusters), Deletions: deletes,
		Do: fmt.Sprintf("%s by %s", do, p.hub),
	})
}

// sayUnfinished says whose run did not end where this one goes.
func (p *byHub) sayUnfinished() {
	if run, unfinished := p.plan.Unfinished(); unfinished {
		p.env.Note("%s: %s", p.hub, unfinishedText(run, p.plan.Locked()))
	}
}

// apply shows what was planned, asks, does it, and reports.
func (p *byHub) apply(ctx context.Context, strategy propagate.Strategy, rendered render.Result, do string) error {
	view := p.view()
	view.rendered, view.waves = rendered, strategy.Waves
	switch {
	case p.mutation.DryRun != "":
		return p.showPlan(view)
	case p.plan.Idle():
		p.sayNoGate(strategy)
		return p.conclude(ctx, view, propagate.RunHub(ctx, p.fleet, p.plan, strategy, newRunProgress(p.env))) // it may have to give a lock back
	}
	if err := p.ask(ctx, view, do); err != nil {
		return err
	}
	return p.conclude(ctx, view, propagate.RunHub(ctx, p.fleet, p.plan, strategy, newRunProgress(p.env)))
}

// conclude reports a run, and of which clusters the hub's word is all that is known.
func (p *byHub) conclude(ctx context.Context, view planView, results fanout.Results[propagate.Outcome]) error {
	unseen := p.plan.Unseen()
	for _, c := range slices.Sorted(maps.Keys(unseen)) {
		p.env.Note("%s could not be asked itself (%v): what is said of it is the word of %s", c, unseen[c], p.hub)
	}
	return p.propagateOptions.conclude(ctx, view, results)
}

// mayDivide refuses to divide where a hub does it by itself.
func (o *propagateOptions) mayDivide() error {
	if o.hub == "" || !o.render.request.Division.ByFree {
		return nil
	}
	return errors.New("--weight-by free is for --via direct: Karmada divides by what is free by itself, and again when it changes; add a PropagationPolicy with weightPreference: {dynamicWeight: AvailableReplicas} to the objects, or divide with --weight")
}

// planHub plans on the hub what was rendered.
func (o *propagateOptions) planHub(ctx context.Context, selection cli.Selection, rendered render.Result) (*byHub, error) {
	return o.planBy(ctx, selection, func(fleet propagate.Fleet, by inventory.Cluster) (*hub.Plan, []fanout.Failure) {
		request := propagate.HubRequest{Hub: by, Rendered: rendered.Clusters, Weights: o.render.request.Division.Weights, Options: o.options}
		request.Options.Untried = o.mutation.DryRun == cli.DryRunClient
		return propagate.PlanHub(ctx, fleet, request)
	})
}

// propagateBy has a Karmada control plane bring the objects to the clusters.
func (o *propagateOptions) propagateBy(ctx context.Context, selection cli.Selection, rendered render.Result) error {
	p, err := o.planHub(ctx, selection, rendered)
	if err != nil {
		return err
	}
	p.sayUnfinished()
	strategy, err := o.rollout.over(p.fleet.Clusters)
	if err != nil {
		return err
	}
	return p.apply(ctx, strategy, rendered, fmt.Sprintf("Apply %s to %s", o.options.Set, clusters(len(p.fleet.Clusters))))
}
