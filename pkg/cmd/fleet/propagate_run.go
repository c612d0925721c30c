package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

func (o *propagateOptions) run(ctx context.Context) error {
	objects, err := manifest.Read(ctx, o.source)
	if err != nil {
		return cli.UsageError(err)
	}
	if len(objects) == 0 {
		return cli.UsageError(errors.New("there are no objects in what was named"))
	}
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	request := propagate.Request{Objects: map[string][]manifest.Object{}, Options: o.options}
	request.Options.Untried = o.mutation.DryRun == cli.DryRunClient
	for _, c := range selection.Clusters {
		request.Objects[c.Name] = objects
	}
	return o.propagate(ctx, selection, request)
}

func (o *propagateOptions) propagate(ctx context.Context, selection cli.Selection, request propagate.Request) error {
	fleet := propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	line := selection.ShowWaiting(o.env)
	planned := propagate.Plan(ctx, fleet, request)
	line.Done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failures := planned.Failures(nil); len(failures) > 0 {
		return o.refuse(failures)
	}
	plans := map[string]*direct.Plan{}
	var busy []inventory.Cluster
	for _, r := range planned {
		plans[r.Cluster.Name] = r.Value
		if !r.Value.Idle() {
			busy = append(busy, r.Cluster)
		}
	}
	view := planView{set: o.options.Set, via: "direct", dryRun: o.mutation.DryRun, clusters: fleet.Clusters, plans: plans}
	if o.mutation.DryRun != "" || len(busy) == 0 {
		return o.print(view.planned())
	}
	err := o.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error { return view.show(w, o.output.Table()) }, Clusters: len(busy),
		Do: fmt.Sprintf("Apply %s to %s", o.options.Set, clusters(len(busy))),
	})
	if err != nil {
		return err
	}
	strategy := propagate.Strategy{Waves: [][]string{names(fleet.Clusters)}, Gate: o.gate, By: o.env.Who()}
	results := propagate.Run(ctx, fleet, plans, strategy, newRunProgress(o.env))
	return o.conclude(ctx, view, results)
}

func names(clusters []inventory.Cluster) []string {
	list := make([]string, len(clusters))
	for i, c := range clusters {
		list[i] = c.Name
	}
	return list
}

// refuse says why nothing was begun.
func (o *propagateOptions) refuse(failures []fanout.Failure) error {
	var whole []fanout.Failure
	for _, f := range failures {
		var refused *direct.RefusedError
		if !errors.As(f.Err, &refused) {
			whole = append(whole, f)
			continue
		}
		for i := range refused.Problems { // each problem on its own, so that equal ones of several clusters are one line
			p := refused.Problems[i]
			whole = append(whole, fanout.Failure{Cluster: f.Cluster, Err: &direct.RefusedError{Problems: []direct.ObjectError{p}}})
		}
	}
	return sayPlanFailures(o.env, whole)
}

// conclude reports a run.
func (o *propagateOptions) conclude(ctx context.Context, view planView, results fanout.Results[direct.Health]) error {
	printed := o.print(view.after(results))
	failures := results.Failures(nil)
	o.env.SayFailures(failures)
	verdict := cli.Verdict(len(results), failures)
	if verdict == nil {
		return printed
	}
	for _, f := range failures {
		if member.ReasonOf(f.Err) == member.ReasonTimeout {
			verdict.Code = cli.ExitTimeout
		}
	}
	if ctx.Err() != nil {
		verdict.Code = cli.ExitAttention
	}
	o.env.Note("the same command again goes on where this stopped")
	verdict.Err = printed
	return verdict
}
