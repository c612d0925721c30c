package fleetscale

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
)

func newCmdDown(env *cli.Env) *cobra.Command {
	flags := &downFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Let nodes leave: plan, ask, empty, and remove them",
		Long: `Let nodes leave: plan, ask, empty, and remove them.

In each cluster the nodes go in waves. Those of a wave are marked, so that no pod comes any more, and their pods are
evicted, never faster than PodDisruptionBudgets allow. When the nodes are empty, volumes are detached, and what was moved is
Ready elsewhere, seen twice in a row, the nodes are removed; only then comes the next wave. Until its removal begins a node can
stay: Ctrl-C takes our marks back. The first cluster is alone, then --max-clusters go side by side.

With --plan the file is done that plan -o yaml printed, if the nodes, the counts of their owners and the budgets are still those.

Exit codes: 0 all have left; 1 none has; 3 some stay, or some clusters failed; 4 out of time, the nodes stay; 5 refused or not
confirmed, nothing was changed; 6 a removal has begun and is not confirmed: resume; 130 interrupted, the nodes stay.`,
		Example: `  # Three nodes of two clusters, the emptiest first
  kubectl fleetscale down -C east,west --count 3 --remove-with node --i-stopped-the-kubelet

  # Empty two nodes, and keep them
  kubectl fleetscale down -C east --nodes n-17,n-31 --keep-nodes

  # What a plan says
  kubectl fleetscale down --plan plan.yaml --yes`,
		Args: cobra.NoArgs,
		RunE: cli.RunE(func(ctx context.Context, _ []string) error {
			options, err := flags.toOptions()
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type downFlags struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	output    cli.OutputFlags
	mutation  cli.MutationFlags
	nodes     nodeFlags
	order     orderFlags
	plan      string
	namespace string
}

func (f *downFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	f.mutation.AddFlags(flags)
	f.nodes.addFlags(flags)
	f.order.addFlags(flags)
	addStateNamespace(flags, &f.namespace)
	flags.StringVar(&f.plan, "plan", "", "File of plan -o yaml, to be done as it says; - is stdin")
}

func addStateNamespace(flags *pflag.FlagSet, namespace *string) {
	flags.StringVar(namespace, "state-namespace", scale.DefaultStateNamespace, "Namespace in each cluster that remembers the run")
}

type downOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	mutation cli.Mutation
	request  scale.Request
	settings scale.Settings
	order    scale.Order
	// given are plans from a file, by cluster; nil: they are made.
	given map[string]*v1alpha1.ScalePlan
}

func (f *downFlags) toOptions() (*downOptions, error) {
	o := &downOptions{env: f.env, clusters: f.clusters}
	var err error
	if f.plan != "" {
		if f.nodes.named() == nil {
			return nil, cli.UsageError(errors.New("--plan says which nodes leave: leave --count and --nodes away"))
		}
		if o.given, err = readPlans(f.env, f.plan); err != nil {
			return nil, cli.UsageError(fmt.Errorf("--plan %s: %w", f.plan, err))
		}
		for _, p := range o.given {
			f.nodes.keep = p.KeepNodes
		}
	} else if err = f.nodes.named(); err != nil {
		return nil, cli.UsageError(err)
	}
	if o.request, err = f.nodes.request(); err != nil {
		return nil, cli.UsageError(err)
	}
	if o.order, err = f.order.parse(); err != nil {
		return nil, err
	}
	o.settings = f.nodes.settings(f.env, f.namespace)
	if o.output, err = f.output.Parse(); err != nil {
		return nil, err
	}
	if o.given == nil {
		if err := f.clusters.Chosen(); err != nil {
			return nil, err
		}
	}
	o.mutation, err = f.mutation.Parse(f.env)
	return o, err
}

func (o *downOptions) run(ctx context.Context) error {
	var names []string
	for name := range o.given {
		names = append(names, name)
	}
	selection, err := o.clusters.Select(ctx, names...)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	if o.request.Removers, err = removersOf(ctx, o.clusters, o.settings.Journal); err != nil {
		return err
	}
	plans, err := o.plans(ctx, &selection)
	if err != nil {
		return err
	}
	list := make([]*v1alpha1.ScalePlan, 0, len(plans))
	fleet := scale.Fleet{Members: selection.Members, Fanout: selection.Fanout}
	nodes := 0
	for _, c := range selection.Clusters {
		if p := plans[c.Name]; p != nil && len(p.Nodes) > 0 {
			list = append(list, p)
			fleet.Clusters = append(fleet.Clusters, c)
			nodes += len(p.Nodes)
		}
	}
	if err := allowed(ctx, o.env, scale.MayDown(ctx, fleet, o.settings)); err != nil {
		return err
	}
	if o.mutation.DryRun != "" {
		return printPlans(o.env, o.output, list, nil)
	}
	do := fmt.Sprintf("Remove %s of %s", nodeCount(nodes), clusterCount(len(list)))
	if o.request.KeepNodes {
		do = fmt.Sprintf("Empty %s of %s", nodeCount(nodes), clusterCount(len(list)))
	}
	err = o.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error { return showPlans(w, list, o.output.Table()) }, Clusters: len(list), Deletions: nodes, Do: do,
		Warnings: unforeseen(list),
	})
	if err != nil {
		return err
	}
	progress := newProgress(o.env)
	results := scale.Down(ctx, fleet, plans, o.request, o.settings, o.order, progress)
	return conclude(ctx, o.env, o.output, results)
}

// plans are those of the file, or made now. Unless all that was asked for can be
// done, nothing is.
func (o *downOptions) plans(ctx context.Context, selection *cli.Selection) (map[string]*v1alpha1.ScalePlan, error) {
	if o.given != nil {
		return o.given, nil
	}
	results := planned(ctx, o.env, selection, o.request)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	failures := results.Failures(nil)
	if len(failures) > 0 {
		o.env.SayFailures(failures)
		return nil, &cli.Error{Code: cli.ExitRefused, Err: errors.New("nothing was changed: leave those clusters out with -C '^NAME'")}
	}
	if err := enough(o.env, o.output, results, o.request); err != nil {
		return nil, err
	}
	plans := map[string]*v1alpha1.ScalePlan{}
	for _, r := range results {
		plans[r.Cluster.Name] = r.Value
	}
	return plans, nil
}

// allowed is an error unless the user has the rights that a run needs in every cluster.
func allowed(ctx context.Context, env *cli.Env, may fanout.Results[struct{}]) error {
	failures := may.Failures(nil)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case len(failures) == 0:
		return nil
	}
	env.SayFailures(failures)
	return &cli.Error{Code: cli.ExitRefused, Err: errors.New("nothing was changed: leave those clusters out with -C '^NAME'")}
}

// enough is an error unless as many nodes can leave as were asked for. It shows why.
func enough(env *cli.Env, output cli.Output, results fanout.Results[*v1alpha1.ScalePlan], request scale.Request) error {
	short := shortfall(results, request)
	if short == nil {
		return nil
	}
	if err := showPlans(env.ErrOut, plansOf(results), output.Table()); err != nil {
		return err
	}
	return &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("%w; nothing was changed", short.Err), Hint: "ask for as many as can go, or mend what blocks the others"}
}

func clusterCount(n int) string {
	if n == 1 {
		return "1 cluster"
	}
	return fmt.Sprintf("%d clusters", n)
}

// conclude reports what a run came to.
func conclude(ctx context.Context, env *cli.Env, output cli.Output, results fanout.Results[scale.Outcome]) error {
	failures := results.Failures(nil)
	printed := printRuns(env, output, runsOf(results), failures)
	env.SayFailures(failures)
	verdict := cli.Verdict(len(results), failures)
	kept, gone := 0, 0
	for _, r := range results {
		for _, n := range r.Value.Journal.Nodes {
			switch n.Phase {
			case journal.Kept:
				kept++
			case journal.Removed, journal.Drained, journal.Joined:
				gone++
			case journal.Waiting, journal.Draining, journal.Removing:
			}
		}
	}
	switch {
	case verdict == nil && kept > 0 && gone > 0:
		verdict = &cli.Error{Code: cli.ExitPartial}
	case verdict == nil && kept > 0:
		verdict = &cli.Error{Code: cli.ExitFailed}
	case verdict == nil:
		return printed
	}
	some := func(is func(error) bool) bool {
		for _, r := range results {
			if r.Err != nil && is(r.Err) {
				return true
			}
		}
		return false
	}
	switch {
	case some(isA[*scale.UnfinishedError]):
		verdict.Code = cli.ExitAttention
		env.Note("%s status shows how far it is, and resume goes on", env.DisplayName())
	case ctx.Err() != nil:
		verdict.Code = cli.ExitInterrupted
		env.Note("%s resume goes on, and abort ends it", env.DisplayName())
	case some(scale.IsTimeout):
		verdict.Code = cli.ExitTimeout
		env.Note("nodes that were not removed are as they were, and pools keep their counts; %s resume tries again, and abort ends it", env.DisplayName())
	case gone == 0 && some(scale.IsRefused):
		verdict.Code = cli.ExitRefused
	case some(isA[*scale.StoppedError]):
		env.Note("%s resume goes on, and abort ends it", env.DisplayName())
	}
	verdict.Err = printed
	return verdict
}

func isA[E error](err error) bool {
	_, is := errors.AsType[E](err)
	return is
}
