package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/restore"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

func newCmdDrill(env *cli.Env) *cobra.Command {
	flags := &drillFlags{restoreFlags: restoreFlags{env: env, clusters: cli.NewClusterFlags(env), manifest: manifestFlags{policies: true}}}
	cmd := &cobra.Command{
		Use:   "drill [SET]",
		Short: "Restore a set beside what runs, see that it works, and delete it again",
		Long: `Restore a set beside what runs, see that it works, and delete it again.

Every namespace of the set gets another name, NAME-drill unless --namespace-mappings gives one, and must not be there yet.
The set is restored as restore does it, with the policy's probes and the set's word, and it is measured how long that takes.
Then what the drill made is deleted, and nothing else: also if it failed, and after Ctrl-C. What a drill has left that was
killed is deleted by the next one, or by --clean-up.

With -f and the file of a policy, and no SET, it is the newest set of that policy that is complete and of its minimum grade;
which one is said, and what newer one is not.

What is restored runs: keep it from what it would talk to outside of its namespaces.

Exit codes: those of restore; 6 if something is left that could not be deleted.`,
		Example: `  # Does last night's set work?
  kubectl fleetbackup drill shop-k3x9 --yes

  # For cron: does the newest set work?
  kubectl fleetbackup drill -f shop.yaml --yes

  # In a cluster that has nothing else to do
  kubectl fleetbackup drill shop-k3x9 --map east=lab,west=lab2

  # Delete what a drill has left that was killed
  kubectl fleetbackup drill shop-k3x9 --clean-up -C east,west --yes`,
		Args: cobra.MaximumNArgs(1),
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type drillFlags struct {
	restoreFlags

	cleanUp bool
}

func (f *drillFlags) addFlags(flags *pflag.FlagSet) {
	f.addCommonFlags(flags)
	flags.BoolVar(&f.cleanUp, "clean-up", false, "Delete what drills of the set have left in the clusters of -C, and restore nothing")
}

type drillOptions struct {
	restoreOptions

	cleanUp bool
}

func (f *drillFlags) toOptions(args []string) (*drillOptions, error) {
	f.existing = "none"
	common, err := f.restoreFlags.toOptions(args)
	if err != nil {
		return nil, err
	}
	common.request.Purpose = v1alpha1.RestoreForDrill
	o := &drillOptions{restoreOptions: *common, cleanUp: f.cleanUp}
	if o.cleanUp && o.set == "" {
		return nil, cli.UsageError(errors.New("--clean-up needs the name of the SET that was drilled"))
	}
	if o.cleanUp {
		return o, f.clusters.Chosen()
	}
	return o, nil
}

func (o *drillOptions) run(ctx context.Context) error {
	if o.cleanUp {
		return o.cleanOnly(ctx)
	}
	return o.restoreOptions.run(ctx)
}

// cleanOnly deletes what drills have left.
func (o *drillOptions) cleanOnly(ctx context.Context) error {
	if o.mutation.DryRun != "" {
		return cli.UsageError(errors.New("--clean-up has no dry run"))
	}
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	if err := o.clean(ctx, restore.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}, newRestoreProgress(o.env)); err != nil {
		return err
	}
	o.env.Note("nothing is left of drills of %s in %s", o.set, inventory.Names(selection.Clusters))
	return nil
}

// cleaning bounds the clean-up of a drill, also after Ctrl-C.
const cleaning = 10 * time.Minute

// clean deletes what drills of the set have made. It goes on after Ctrl-C.
func (o *restoring) clean(ctx context.Context, fleet restore.Fleet, progress *restoreProgress) error {
	settings := o.settings
	settings.Timeout = cleaning
	results := restore.Clean(context.WithoutCancel(ctx), fleet, o.set, o.env.Who(), settings, progress)
	for _, r := range results {
		if len(r.Value) > 0 {
			progress.note(r.Cluster.Name, "deleted: "+strings.Join(r.Value, ", "))
		}
	}
	failures := results.Failures(nil)
	if len(failures) == 0 {
		return nil
	}
	o.env.SayFailures(failures) // each says what is left
	var left []string
	for _, f := range failures {
		left = append(left, f.Cluster)
	}
	clusters := strings.Join(slices.Compact(left), ",")
	return &cli.Error{
		Code: cli.ExitAttention, Err: fmt.Errorf("the drill has left something in %s; what it made elsewhere is deleted", clusters),
		Hint: fmt.Sprintf("%s drill %s --clean-up%s -C %s deletes it", o.env.DisplayName(), o.set, o.clusters.SaidKubeconfig(), clusters),
	}
}
