package fleetscale

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
)

func newCmdPlan(env *cli.Env) *cobra.Command {
	flags := &planFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show which nodes can leave, and what keeps the others",
		Long: `Show which nodes can leave, and what keeps the others. Nothing is changed.

Nodes that are not Ready come first, then empty ones, then those that --by puts first. The pods of each must have places
elsewhere, by the scheduler's own plugins, in several orders in which they might come, and with room left for one more node.
PodDisruptionBudgets are counted over the whole plan: nodes leave in waves, each of one zone, that no budget is overdrawn by.

With -o yaml it is a file that down --plan does, if nothing that it relies on has changed by then.

Exit codes: 0 as many can leave as were asked for; 3 fewer, or not every cluster answered; 5 none.`,
		Example: `  # Which three nodes of two clusters would go
  kubectl fleetscale plan -C east,west --count 3 --remove-with node --i-stopped-the-kubelet

  # Can these two be emptied?
  kubectl fleetscale plan -C east --nodes n-17,n-31 --keep-nodes

  # Keep the plan, and do it later
  kubectl fleetscale plan -C east --count 3 --keep-nodes -o yaml > plan.yaml
  kubectl fleetscale down --plan plan.yaml`,
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

type planFlags struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.OutputFlags
	nodes    nodeFlags
	most     bool
}

func (f *planFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	f.nodes.addFlags(flags)
	flags.BoolVar(&f.most, "most", true, "Look for how many nodes could leave at once")
}

type planOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	request  scale.Request
	journal  journal.Options
}

func (f *planFlags) toOptions() (*planOptions, error) {
	o := &planOptions{env: f.env, clusters: f.clusters}
	err := f.nodes.named()
	if err == nil {
		o.request, err = f.nodes.request()
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	o.request.Most, o.journal = f.most, f.nodes.options()
	o.output, err = f.output.Parse()
	return o, err
}

func (o *planOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	if o.request.Removers, err = removersOf(ctx, o.clusters, o.journal); err != nil {
		return err
	}
	results := planned(ctx, o.env, &selection, o.request)
	failures := results.Failures(nil)
	printed := printPlans(o.env, o.output, plansOf(results), failures)
	o.env.SayFailures(failures)
	verdict := cli.Verdict(len(results), failures)
	if verdict == nil {
		verdict = shortfall(results, o.request)
	}
	if verdict == nil {
		return printed
	}
	verdict.Err = errors.Join(printed, verdict.Err)
	return verdict
}

// planned plans, and shows meanwhile whom it waits for.
func planned(ctx context.Context, env *cli.Env, selection *cli.Selection, request scale.Request) fanout.Results[*v1alpha1.ScalePlan] {
	line := selection.ShowWaiting(env)
	defer line.Done()
	return scale.Plan(ctx, scale.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}, request)
}

func plansOf(results fanout.Results[*v1alpha1.ScalePlan]) []*v1alpha1.ScalePlan {
	var plans []*v1alpha1.ScalePlan
	for _, r := range results {
		if r.Err == nil {
			plans = append(plans, r.Value)
		}
	}
	return plans
}

// shortfall is what is to be said if fewer nodes can leave than were asked for.
func shortfall(results fanout.Results[*v1alpha1.ScalePlan], r scale.Request) *cli.Error {
	can := 0
	sick := ""
	named := map[string]bool{}
	for _, result := range results {
		if result.Err != nil {
			continue
		}
		can += len(result.Value.Nodes)
		for _, n := range result.Value.Nodes {
			named[n.Name] = true
		}
		if len(result.Value.Unhealthy) > 0 {
			sick = fmt.Sprintf("%s is not healthy: %s", result.Cluster.Name, result.Value.Unhealthy[0])
		}
	}
	asked := r.Count
	if asked == 0 {
		asked = len(r.Policy.Names)
		can = len(named)
	}
	switch {
	case sick != "":
		return &cli.Error{Code: cli.ExitRefused, Err: errors.New(sick)}
	case can >= asked:
		return nil
	case can == 0:
		return &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("none of %s can leave", nodeCount(asked))}
	}
	return &cli.Error{Code: cli.ExitPartial, Err: fmt.Errorf("%d of %s can leave", can, nodeCount(asked))}
}

func nodeCount(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

// printPlans prints plans as a table for people, or as data.
func printPlans(env *cli.Env, output cli.Output, plans []*v1alpha1.ScalePlan, failures []fanout.Failure) error {
	if output.Format.IsTable() {
		return showPlans(env.Out, plans, output.Table())
	}
	items := make([]metav1.Object, len(plans))
	for i, p := range plans {
		items[i] = p
	}
	return cli.PrintItems(env, output, items, failures)
}
