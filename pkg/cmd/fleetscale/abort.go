package fleetscale

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
)

func newCmdAbort(env *cli.Env) *cobra.Command {
	flags := &runFlags{env: env, clusters: cli.NewClusterFlags(env)}
	var mutation cli.MutationFlags
	undo := false
	cmd := &cobra.Command{
		Use:   "abort",
		Short: "End runs that stopped: nodes that were not removed stay",
		Long: `End runs that stopped: nodes that were not removed lose our marks, and stay. With --undo nodes that were emptied and kept
(--keep-nodes) are uncordoned, too. A removal that has begun cannot be undone: resume brings it to its end.`,
		Example: `  # Give it up
  kubectl fleetscale abort -C east

  # Take nodes back that were emptied and kept
  kubectl fleetscale abort -C east --undo`,
		Args: cobra.NoArgs,
		RunE: cli.RunE(func(ctx context.Context, _ []string) error {
			output, err := flags.output.Parse()
			if err != nil {
				return err
			}
			if err := flags.clusters.Chosen(); err != nil {
				return err
			}
			confirmation, err := mutation.Parse(env)
			if err != nil {
				return err
			}
			return flags.abort(ctx, output, confirmation, undo)
		}),
	}
	flags.addFlags(cmd.Flags())
	mutation.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&undo, "undo", false, "Uncordon nodes that were emptied and kept, too, also of a run that is done")
	return cmd
}

func (f *runFlags) abort(ctx context.Context, output cli.Output, mutation cli.Mutation, undo bool) error {
	selection, err := f.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(f.env)
	fleet := scale.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	seen := scale.Status(ctx, fleet, f.namespace)
	var runs []*v1alpha1.ScaleRun
	fleet.Clusters = nil
	for _, r := range seen {
		if r.Err == nil && scale.CanAbort(r.Value, undo) {
			runs = append(runs, runOf(r.Cluster.Name, r.Value.Journal))
			fleet.Clusters = append(fleet.Clusters, r.Cluster)
		}
	}
	if failures := seen.Failures(nil); len(failures) > 0 {
		f.env.SayFailures(failures)
		return &cli.Error{Code: cli.ExitRefused, Err: errors.New("nothing was changed: leave those clusters out with -C '^NAME'")}
	}
	if len(runs) == 0 {
		f.env.Note("there is nothing to end")
		return printRuns(f.env, output, nil, nil)
	}
	if mutation.DryRun != "" {
		return printRuns(f.env, output, runs, nil)
	}
	err = mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error {
			shown := *f.env
			shown.Out = w
			return printRuns(&shown, cli.Output{}, runs, nil)
		},
		Clusters: len(runs), Do: "End the run in " + clusterCount(len(runs)),
	})
	if err != nil {
		return err
	}
	results := scale.Abort(ctx, fleet, requestOf(ctx, f.clusters), scale.Settings{StateNamespace: f.namespace, By: f.env.Who()}, undo)
	failures := results.Failures(nil)
	printed := printRuns(f.env, output, runsOf(results), failures)
	f.env.SayFailures(failures)
	verdict := cli.Verdict(len(results), failures)
	if verdict == nil {
		return printed
	}
	for _, r := range results {
		if isA[*scale.UnfinishedError](r.Err) {
			verdict.Code = cli.ExitAttention
		}
	}
	verdict.Err = printed
	return verdict
}
