package fleetscale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
)

func newCmdUp(env *cli.Env) *cobra.Command {
	flags := &upFlags{resizeFlags{env: env, clusters: cli.NewClusterFlags(env)}}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Let nodes come: a pool gets more, and they are waited for",
		Long: `Let nodes come: a pool gets more, and they are waited for.

The count is raised once, at the topmost owner: Cluster API (a topology, where the pool is of one), Kurator, or a program of
yours. A new node counts when it is Ready and schedulable, has no taint any more that it only starts with, and a Ready pod of
every DaemonSet that belongs on it.

Exit codes: 0 all new nodes take pods; 1 failed; 4 not all in time, the pool keeps its count, and resume waits on; 5 refused or
not confirmed, nothing was changed; 130 interrupted.`,
		Example: `  # Two more
  kubectl fleetscale up -C east --pool workers --count 2

  # By a program of yours
  kubectl fleetscale up -C east --pool workers --count 2 --add-with hook=./asg.sh`,
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

type upFlags struct{ resizeFlags }

func (f *upFlags) addFlags(flags *pflag.FlagSet) {
	f.resizeFlags.addFlags(flags)
	flags.IntVar(&f.nodes.count, "count", 0, "How many nodes come")
	flags.DurationVar(&f.nodes.timeout, "timeout", 30*time.Minute, "How long the new nodes may take")
	flags.StringVar(&f.nodes.remover, "add-with", autoRemover, "How nodes are added: auto, by who keeps the pool (Cluster API, Kurator); or hook=PROGRAM, see docs/scaling-hooks.md")
	f.nodes.addOwners(flags)
}

func (f *upFlags) toOptions() (*resizeOptions, error) {
	o := &resizeOptions{order: scale.Order{Clusters: 1, Failures: 1}}
	switch {
	case f.nodes.count <= 0:
		return nil, cli.UsageError(errors.New("how many nodes come? --count N, more than 0"))
	case f.nodes.pool == "":
		return nil, cli.UsageError(errors.New("which pool gets them? --pool NAME"))
	case f.nodes.timeout <= 0:
		return nil, cli.UsageError(fmt.Errorf("--timeout must be more than 0, is %s", f.nodes.timeout))
	case f.nodes.remover == remove.NodeName || validRemover(f.nodes.remover) != nil:
		return nil, cli.UsageError(fmt.Errorf("--add-with is %q: want %s or %sPROGRAM", f.nodes.remover, autoRemover, hookPrefix))
	}
	count := int64(f.nodes.count)
	o.target = func(with []resizing, without []error) ([]resizing, error) {
		switch len(with) {
		case 0:
			return nil, refusedPools(without)
		case 1:
			with[0].to = with[0].from() + count
			return with, nil
		}
		return nil, &cli.Error{
			Code: cli.ExitRefused, Err: fmt.Errorf("%d of the clusters have a pool %q, such as %s and %s", len(with), f.nodes.pool, with[0].cluster.Name, with[1].cluster.Name),
			Hint: "-C NAME says which gets the nodes; set --workers sets each to a count",
		}
	}
	return f.resizeFlags.toOptions(o)
}
