package fleetscale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
)

// resizeFlags are what up and set have in common.
type resizeFlags struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	output    cli.OutputFlags
	mutation  cli.MutationFlags
	nodes     nodeFlags
	namespace string
}

func (f *resizeFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	f.mutation.AddFlags(flags)
	addStateNamespace(flags, &f.namespace)
	flags.StringVar(&f.nodes.pool, "pool", "", "The pool, as who keeps it calls it: the name of a MachineDeployment, of a topology's entry, or of a node group")
}

// toOptions reads them. What the two say differently is left to them.
func (f *resizeFlags) toOptions(o *resizeOptions) (_ *resizeOptions, err error) {
	o.env, o.clusters, o.pool, o.settings = f.env, f.clusters, f.nodes.pool, f.nodes.settings(f.env, f.namespace)
	if o.output, err = f.output.Parse(); err != nil {
		return nil, err
	}
	if err := f.clusters.Chosen(); err != nil {
		return nil, err
	}
	o.mutation, err = f.mutation.Parse(f.env)
	return o, err
}

// resizeOptions are how pools get other counts. up and set differ only in which.
type resizeOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	mutation cli.Mutation
	pool     string
	request  scale.Request
	settings scale.Settings
	order    scale.Order
	// target says what the pools get, given those of the name, and why other clusters
	// have none.
	target func(with []resizing, without []error) ([]resizing, error)
}

// resized is what will be done.
type resized struct {
	pools []resizing
	// plans are those by which nodes leave, by cluster.
	plans map[string]*v1alpha1.ScalePlan
}

func (o *resizeOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	if o.request.Removers, err = removersOf(ctx, o.clusters, o.settings.Journal); err != nil {
		return err
	}
	pools, err := o.find(ctx, &selection)
	if err != nil {
		return err
	}
	all := resized{pools: pools, plans: map[string]*v1alpha1.ScalePlan{}}
	for _, r := range pools {
		if r.to < r.from() {
			if all.plans[r.cluster.Name], err = o.shrink(ctx, &selection, r); err != nil {
				return err
			}
		}
	}
	down, up := o.fleets(&selection, all)
	if err := allowed(ctx, o.env, append(scale.MayDown(ctx, down, o.settings), scale.MayUp(ctx, up, o.settings)...)); err != nil {
		return err
	}
	switch {
	case o.mutation.DryRun != "":
		return o.printPlans(all)
	case len(pools) == 0:
		o.env.Note("every pool has that count")
		return printRuns(o.env, o.output, nil, nil)
	}
	err = o.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error { return o.show(w, all) }, Clusters: len(pools), Deletions: all.leaving(),
		Do: fmt.Sprintf("Set pool %s in %s", o.pool, clusterCount(len(pools))), Warnings: unforeseen(all.shrinking()),
	})
	if err != nil {
		return err
	}
	return conclude(ctx, o.env, o.output, o.do(ctx, &selection, all))
}

// find finds the pools, and what they get. Those that have it are left out.
func (o *resizeOptions) find(ctx context.Context, selection *cli.Selection) ([]resizing, error) {
	line := selection.ShowWaiting(o.env)
	results := scale.Pools(ctx, scale.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}, o.request.Removers)
	line.Done()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if failures := results.Failures(nil); len(failures) > 0 {
		o.env.SayFailures(failures)
		return nil, &cli.Error{Code: cli.ExitRefused, Err: errors.New("nothing was changed: leave those clusters out with -C '^NAME'")}
	}
	with, without, err := found(results, o.pool)
	if err != nil {
		return nil, refusedPools([]error{err})
	}
	pools, err := o.target(with, without)
	if err != nil {
		return nil, err
	}
	pools = slices.DeleteFunc(pools, func(r resizing) bool { return r.to == r.from() })
	var problems []error
	for _, r := range pools {
		if err := r.check(); err != nil {
			problems = append(problems, err)
		}
	}
	return pools, refusedPools(problems)
}

// shrink plans which nodes of a pool leave.
func (o *resizeOptions) shrink(ctx context.Context, selection *cli.Selection, r resizing) (*v1alpha1.ScalePlan, error) {
	request := o.request
	request.Count, request.Policy.Pool = int(r.from()-r.to), o.pool
	one := *selection
	one.Clusters = []inventory.Cluster{r.cluster}
	results := planned(ctx, o.env, &one, request)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if failures := results.Failures(nil); len(failures) > 0 {
		o.env.SayFailures(failures)
		return nil, &cli.Error{Code: cli.ExitRefused, Err: errors.New("nothing was changed")}
	}
	return results[0].Value, enough(o.env, o.output, results, request)
}

func (o *resizeOptions) printPlans(all resized) error {
	if o.output.Format.IsTable() {
		return o.show(o.env.Out, all)
	}
	var items []metav1.Object
	for _, r := range all.pools {
		if plan, leave := all.plans[r.cluster.Name]; leave {
			items = append(items, plan)
			continue
		}
		items = append(items, r.plan())
	}
	return cli.PrintItems(o.env, o.output, items, nil)
}

// show shows for people what will be done.
func (o *resizeOptions) show(w io.Writer, all resized) error {
	if err := showPools(w, all.pools, o.output.Table()); err != nil {
		return err
	}
	plans := all.shrinking()
	if len(plans) == 0 {
		return nil
	}
	return showPlans(w, plans, o.output.Table())
}

// leaving counts the nodes that leave.
func (r resized) leaving() int {
	n := 0
	for _, plan := range r.plans {
		n += len(plan.Nodes)
	}
	return n
}

// shrinking are the plans by which nodes leave, in the order of the pools.
func (r resized) shrinking() []*v1alpha1.ScalePlan {
	var plans []*v1alpha1.ScalePlan
	for _, pool := range r.pools {
		if plan, leave := r.plans[pool.cluster.Name]; leave {
			plans = append(plans, plan)
		}
	}
	return plans
}

// fleets are the clusters that nodes leave, and those to which some come.
func (*resizeOptions) fleets(selection *cli.Selection, all resized) (down, up scale.Fleet) {
	down, up = scale.Fleet{Members: selection.Members, Fanout: selection.Fanout}, scale.Fleet{Members: selection.Members, Fanout: selection.Fanout}
	for _, r := range all.pools {
		if _, leave := all.plans[r.cluster.Name]; leave {
			down.Clusters = append(down.Clusters, r.cluster)
			continue
		}
		up.Clusters = append(up.Clusters, r.cluster)
	}
	return down, up
}

// do lets nodes come first: what leaves one cluster may be meant for another.
func (o *resizeOptions) do(ctx context.Context, selection *cli.Selection, all resized) fanout.Results[scale.Outcome] {
	down, up := o.fleets(selection, all)
	progress := newProgress(o.env)
	results := scale.Up(ctx, up, growing(all.pools), o.request.Removers, o.settings, o.order, progress)
	if failed := len(results.Failures(nil)); failed < o.order.Failures {
		return append(results, scale.Down(ctx, down, all.plans, o.request, o.settings, o.order, progress)...)
	}
	for _, c := range down.Clusters {
		results = append(results, fanout.Result[scale.Outcome]{Cluster: c, Err: &fanout.SkippedError{Cause: errors.New("too many clusters failed before")}})
	}
	return results
}
