package fleet

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// resume is how a run is gone on with that did not end.
type resume struct {
	// bake is true if the flags say how long to bake; else the run does.
	bake bool
}

// toResume reads the flags of a run that is gone on with. What is brought to
// which cluster is not to be said again.
func (f *propagateFlags) toResume(o *propagateOptions, args []string) (*propagateOptions, error) {
	if len(args) > 0 {
		return nil, cli.UsageError(fmt.Errorf("what is %q? --resume names one set", args[0]))
	}
	if err := f.onlyResume(); err != nil {
		return nil, cli.UsageError(err)
	}
	if err := set.ValidName(f.resume); err != nil {
		return nil, cli.UsageError(err)
	}
	var err error
	if o.rollout, err = f.rollout.parse(f.env); err == nil {
		o.hub, err = parseVia(f.via, f.clusters)
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	o.options.Set, o.resume = f.resume, &resume{bake: f.flags.Changed("bake")}
	o.options.TakesBack = o.rollout.takesBack()
	if err := f.clusters.Chosen(); err != nil {
		return nil, err
	}
	o.mutation, err = f.mutation.Parse(f.env)
	o.options.Untried = o.mutation.DryRun == cli.DryRunClient
	return o, err
}

// onlyResume refuses the flags that say what the run has said.
func (f *propagateFlags) onlyResume() error {
	said := pflag.NewFlagSet("", pflag.ContinueOnError)
	addSource(said, &manifest.Source{})
	(&renderFlags{}).addFlags(said)
	for _, name := range []string{"from", "name", "namespace", "force-conflicts", "take-over", "prune", "delete-kinds", "waves"} {
		said.Bool(name, false, "")
	}
	var err error
	f.flags.Visit(func(flag *pflag.Flag) {
		if said.Lookup(flag.Name) != nil {
			err = fmt.Errorf("--%s cannot be combined with --resume: the clusters remember what the run is to do", flag.Name)
		}
	})
	return err
}

// goOn goes on with the run.
func (o *propagateOptions) goOn(ctx context.Context) error {
	selection, err := selectVia(ctx, o.clusters, o.hub)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	fleet := propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	if o.hub != "" {
		return o.goOnBy(ctx, selection)
	}
	line := selection.ShowWaiting(o.env)
	run, failures, err := propagate.PlanResume(ctx, fleet, o.options)
	line.Done()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("%s: %w", o.options.Set, err)}
	case len(failures) > 0:
		return o.refuse(failures)
	case run == nil:
		return o.nothingToGoOn(clusters(len(fleet.Clusters)))
	}
	if failures := run.Planned.Failures(nil); len(failures) > 0 {
		return o.refuse(failures)
	}
	fleet.Clusters = clustersOf(run.Planned)
	return o.applyBy(ctx, fleet, run.Planned, o.strategyOf(run, len(run.Planned)), render.Result{}, "Go on with")
}

func (o *propagateOptions) nothingToGoOn(where string) error {
	o.env.Note("nothing to go on with: no run of %s was interrupted in %s", o.options.Set, where)
	return nil
}

// strategyOf says which run is gone on with, and is how.
func (o *propagateOptions) strategyOf(run *propagate.Resumption, all int) propagate.Strategy {
	o.env.Note("the run of %s, begun %s: %s through, %s to go", run.Run.By, run.Run.Started, clusters(len(run.Through)), clusters(all-len(run.Through)))
	if len(run.Elsewhere) > 0 {
		o.env.Note("of the run, and not among the clusters selected: %s", strings.Join(run.Elsewhere, ", "))
	}
	strategy := o.rollout.strategy
	strategy.Waves, strategy.Through, strategy.Resumed = run.Waves, run.Through, true
	if !o.resume.bake {
		strategy.Gate.Bake = run.Bake()
	}
	return strategy
}
