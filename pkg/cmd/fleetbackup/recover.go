package fleetbackup

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/clock"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

func newCmdRecover(env *cli.Env) *cobra.Command {
	flags := &recoverFlags{sets: setFlags{env: env, clusters: cli.NewClusterFlags(env)}}
	cmd := &cobra.Command{
		Use:   "recover [SET]",
		Short: "Bring runs to their end that stopped before: release, wait, judge and seal",
		Long: `Bring runs to their end that stopped before: release, wait, judge and seal.

What a run has written down in its members is enough, from any workstation. Whatever may be held still is released, which is
harmless twice; Backups that were asked for are waited for; what is known is judged, and what was not written down did not
happen: a run that died while everything was still is torn, one that died afterwards is not. Nothing is frozen, and no member's
Backup is asked for. It asks nothing, and done again it does nothing.

The exit codes are those of create.`,
		Example: `  # All runs of the fleet that stopped
  kubectl fleetbackup recover --fleet prod

  # One of them
  kubectl fleetbackup recover shop-k3x9 -C east,west`,
		Args: cobra.MaximumNArgs(1),
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			output, err := flags.sets.output.Parse()
			if err != nil {
				return err
			}
			if err := flags.sets.clusters.Chosen(); err != nil {
				return err
			}
			if flags.timeout <= 0 {
				return cli.UsageError(fmt.Errorf("--timeout is %s: more than 0", flags.timeout))
			}
			return flags.run(ctx, output, args)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type recoverFlags struct {
	sets    setFlags
	timeout time.Duration
}

func (f *recoverFlags) addFlags(flags *pflag.FlagSet) {
	f.sets.addFlags(flags)
	flags.DurationVar(&f.timeout, "timeout", defaultTimeout, "How long to wait for Velero, once nothing is held any more")
}

func (f *recoverFlags) run(ctx context.Context, output cli.Output, args []string) error {
	env := f.sets.env
	found, failures, done, err := f.sets.list(ctx)
	if err != nil {
		return err
	}
	defer done()
	env.SayFailures(failures)
	todo := backup.Unfinished(found)
	if len(args) > 0 {
		one, err := backup.Find(found, args[0])
		if err != nil {
			return missing(env, err, found, f.sets.asked, failures)
		}
		todo = backup.Unfinished([]backup.Set{one})
	}
	if len(todo) == 0 {
		switch len(failures) {
		case 0:
			env.Note("there is nothing to recover")
		case f.sets.asked: // nothing is known
		default:
			env.Note("there is nothing to recover in the clusters that have answered")
		}
		return f.sets.verdict(failures)
	}
	settings := backup.Settings{StateNamespace: f.sets.namespace, By: env.Who(), Version: cli.PluginVersion(env.Plugin).Version, Timeout: f.timeout, Clock: clock.New()}
	var executions []*v1alpha1.BackupExecution
	var worst *cli.Error
	for _, s := range todo {
		var clusters []string
		for _, at := range s.At {
			clusters = append(clusters, at.Cluster.Name)
		}
		progress := newProgress(env, clusters, &s.Execution.Spec.Policy)
		r := backup.Recover(ctx, s, settings, progress)
		progress.done()
		executions = append(executions, r.Execution)
		worst = worse(worst, ending{env, f.sets.clusters, f.sets.namespace}.verdict(ctx, r.Execution, r.Err))
	}
	if err := printSets(env, output, executions, failures); err != nil {
		return err
	}
	if worst != nil {
		return worst
	}
	return f.sets.verdict(failures)
}

// worse is the code that counts where several apply (the contract's order).
func worse(a, b *cli.Error) *cli.Error {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	for _, code := range []cli.ExitCode{cli.ExitAttention, cli.ExitDegraded, cli.ExitTimeout, cli.ExitPartial} {
		if a.Code == code {
			return a
		}
		if b.Code == code {
			return b
		}
	}
	return a
}
