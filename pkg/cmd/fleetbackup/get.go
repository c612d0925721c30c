package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
)

func newCmdGet(env *cli.Env) *cobra.Command {
	flags := &setFlags{env: env, clusters: cli.NewClusterFlags(env)}
	foreign := false
	cmd := &cobra.Command{
		Use:   "get [SET]",
		Short: "List the sets that the clusters remember",
		Long: `List the sets that the clusters remember, the newest first, with what each is worth. A run that has not come to its end shows
how far it is. A set is found as long as one of its members is there.

With --foreign also what others made is shown, as far as it belongs together: Backups of Velero's that have one name in several
clusters, or one that ends with the cluster's, and those of Kurator, with those that failed. They are Independent. restore,
describe and verify take them by their name, too.`,
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
			return flags.get(ctx, output, foreign, args)
		}),
	}
	flags.addFlags(cmd.Flags())
	cmd.Flags().BoolVar(&foreign, "foreign", false, "Show also what velero backup create and Kurator made")
	return cmd
}

// setFlags are those of every command about sets that were made.
type setFlags struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	output    cli.OutputFlags
	namespace string
	// everyone: all clusters that are listed are asked, whichever are meant.
	everyone bool
	// asked are how many clusters list has asked.
	asked int
}

func (f *setFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	addStateNamespace(flags, &f.namespace)
}

// list asks all selected clusters. done says the warnings of the servers, in the end.
func (f *setFlags) list(ctx context.Context) (sets []backup.Set, failures []fanout.Failure, done func(), err error) {
	return f.listAlso(ctx, func([]backup.Set) bool { return false })
}

// listNamed is list, and what others have made if no set of ours has that name.
func (f *setFlags) listNamed(ctx context.Context, name string) (sets []backup.Set, failures []fanout.Failure, done func(), err error) {
	return f.listAlso(ctx, func(sets []backup.Set) bool {
		_, err := backup.Find(sets, name)
		return err != nil
	})
}

func (f *setFlags) listAlso(ctx context.Context, foreign func([]backup.Set) bool) (sets []backup.Set, failures []fanout.Failure, done func(), err error) {
	choose := func(ctx context.Context) (cli.Selection, error) { return f.clusters.Select(ctx) }
	if f.everyone {
		choose = f.clusters.SelectListed
	}
	selection, err := choose(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	f.asked = len(selection.Clusters)
	line := selection.ShowWaiting(f.env)
	fleet := fleetOf(&selection)
	sets, failures = backup.List(ctx, fleet, f.namespace)
	if foreign(sets) {
		others, failed := backup.Foreign(ctx, fleet, policy.DefaultVeleroNamespace)
		sets = append(sets, others...)
		for _, f := range failed { // who did not answer the first question is named already
			if !slices.ContainsFunc(failures, func(known fanout.Failure) bool { return known.Cluster == f.Cluster }) {
				failures = append(failures, f)
			}
		}
	}
	line.Done()
	return sets, failures, func() { selection.Warnings.Say(f.env) }, ctx.Err()
}

func (f *setFlags) get(ctx context.Context, output cli.Output, foreign bool, args []string) error {
	sets, failures, done, err := f.listAlso(ctx, func([]backup.Set) bool { return foreign })
	if err != nil {
		return err
	}
	defer done()
	if len(args) > 0 {
		one, err := backup.Find(sets, args[0])
		if err != nil {
			f.env.SayFailures(failures)
			return missing(f.env, err, sets, f.asked, failures)
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
	return f.verdict(failures)
}

// verdict is an error if some clusters could not be asked, or none.
func (f *setFlags) verdict(failures []fanout.Failure) error {
	if verdict := cli.Verdict(f.asked, failures); verdict != nil {
		return verdict
	}
	return nil
}

// missing is the error of a set that was not found, with what there is instead.
func missing(env *cli.Env, err error, sets []backup.Set, asked int, failures []fanout.Failure) error {
	notFound, is := errors.AsType[*backup.NotFoundError](err)
	if !is {
		return err
	}
	said := &cli.Error{Code: cli.ExitFailed, Err: err}
	newest := slices.IndexFunc(sets, func(s backup.Set) bool { return s.Execution.Spec.Policy.Name == notFound.Name })
	switch {
	case len(failures) == asked:
		said.Err = fmt.Errorf("%w: none has answered", err)
	case newest >= 0:
		said.Hint = fmt.Sprintf("%s is a policy, whose newest set is %s; %s get shows all", notFound.Name, sets[newest].Execution.Name, env.DisplayName())
	case len(sets) > 0:
		said.Hint = env.DisplayName() + " get shows the sets that there are"
	}
	return said
}
