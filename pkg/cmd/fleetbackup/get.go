package fleetbackup

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
)

func newCmdGet(env *cli.Env) *cobra.Command {
	flags := &setFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "get [SET]",
		Short: "List the sets that the clusters remember",
		Long: `List the sets that the clusters remember, the newest first, with what each is worth. A run that has not come to its end shows
how far it is. A set is found as long as one of its members is there.`,
		Example: `  # All of the fleet
  kubectl fleetbackup get --fleet prod

  # For scripts: the newest set that is quiesced and complete
  kubectl fleetbackup get -o json | jq -r '[.items[] | select(.status.grade == "Quiesced" and .status.complete)][0].metadata.name'`,
		Args: cobra.MaximumNArgs(1),
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			output, err := flags.output.Parse()
			if err != nil {
				return err
			}
			return flags.get(ctx, output, args)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

// setFlags are those of every command about sets that were made.
type setFlags struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	output    cli.OutputFlags
	namespace string
}

func (f *setFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	addStateNamespace(flags, &f.namespace)
}

// list asks all selected clusters. done says the warnings of the servers, in the end.
func (f *setFlags) list(ctx context.Context) (sets []backup.Set, failures []fanout.Failure, done func(), err error) {
	selection, err := f.clusters.Select(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	line := selection.ShowWaiting(f.env)
	sets, failures = backup.List(ctx, fleetOf(&selection), f.namespace)
	line.Done()
	return sets, failures, func() { selection.Warnings.Say(f.env) }, ctx.Err()
}

func (f *setFlags) get(ctx context.Context, output cli.Output, args []string) error {
	sets, failures, done, err := f.list(ctx)
	if err != nil {
		return err
	}
	defer done()
	if len(args) > 0 {
		one, err := backup.Find(sets, args[0])
		if err != nil {
			f.env.SayFailures(failures)
			return err
		}
		sets = []backup.Set{one}
	}
	executions := make([]*v1alpha1.BackupExecution, len(sets))
	for i := range sets {
		executions[i] = &sets[i].Execution
	}
	printed := printSets(f.env, output, executions, failures)
	f.env.SayFailures(failures)
	if len(sets) == 0 && len(failures) == 0 {
		f.env.Note("no cluster remembers a set")
	}
	if printed != nil {
		return printed
	}
	return verdictOn(len(failures))
}
