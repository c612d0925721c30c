package fleetscale

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
)

func newCmdResume(env *cli.Env) *cobra.Command {
	flags := &runFlags{env: env, clusters: cli.NewClusterFlags(env)}
	order := &orderFlags{}
	cmd := &cobra.Command{
		Use:   "resume",
		Short: "Take up runs that stopped before their end",
		Long: `Take up runs that stopped before their end, with the options that they were begun with. Nodes whose removal has begun are
brought to their end; the others are looked at again, and those that can no longer leave stay.

It asks nothing: what it does was confirmed when the run was begun. The exit codes are those of down.`,
		Example: `  # Go on in all clusters of the fleet
  kubectl fleetscale resume --fleet prod`,
		Args: cobra.NoArgs,
		RunE: cli.RunE(func(ctx context.Context, _ []string) error {
			output, err := flags.output.Parse()
			if err != nil {
				return err
			}
			if err := flags.clusters.Chosen(); err != nil {
				return err
			}
			by, err := order.parse()
			if err != nil {
				return err
			}
			return flags.resume(ctx, output, by)
		}),
	}
	flags.addFlags(cmd.Flags())
	order.addFlags(cmd.Flags())
	return cmd
}

func (f *runFlags) resume(ctx context.Context, output cli.Output, order scale.Order) error {
	selection, err := f.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(f.env)
	fleet := scale.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	settings := scale.Settings{StateNamespace: f.namespace, By: f.env.Who()}
	results := scale.Resume(ctx, fleet, requestOf(ctx, f.clusters), settings, order, newProgress(f.env))
	if len(runsOf(results)) == 0 && len(results.Failures(nil)) == 0 {
		f.env.Note("there is nothing to go on with")
	}
	return conclude(ctx, f.env, output, results)
}
