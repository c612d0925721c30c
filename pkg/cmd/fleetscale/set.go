package fleetscale

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

func newCmdSet(env *cli.Env) *cobra.Command {
	flags := &setFlags{resizeFlags: resizeFlags{env: env, clusters: cli.NewClusterFlags(env)}}
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Give a pool a count of nodes in each cluster, up or down",
		Long: `Give a pool a count of nodes in each cluster, up or down. Where it has more, nodes leave as with down; where it has fewer,
they come as with up, and first. Every selected cluster must have the pool.

The exit codes are those of down and up.`,
		Example: `  # Five workers in each of two clusters
  kubectl fleetscale set -C east,west --pool workers --workers 5

  # What that would come to
  kubectl fleetscale set -C east,west --pool workers --workers 5 --dry-run=server`,
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

type setFlags struct {
	resizeFlags

	order   orderFlags
	workers int
}

func (f *setFlags) addFlags(flags *pflag.FlagSet) {
	f.resizeFlags.addFlags(flags)
	f.order.addFlags(flags)
	flags.IntVar(&f.workers, "workers", -1, "How many nodes the pool has then, in each cluster")
	f.nodes.addLeaving(flags)
}

func (f *setFlags) toOptions() (*resizeOptions, error) {
	o := &resizeOptions{}
	switch {
	case f.workers < 0:
		return nil, cli.UsageError(errors.New("how many nodes? --workers N, 0 or more"))
	case f.nodes.pool == "":
		return nil, cli.UsageError(errors.New("which pool? --pool NAME"))
	}
	workers := int64(f.workers)
	o.target = func(with []resizing, without []error) ([]resizing, error) {
		for i := range with {
			with[i].to = workers
		}
		return with, refusedPools(without)
	}
	var err error
	if o.request, err = f.nodes.request(); err != nil {
		return nil, cli.UsageError(err)
	}
	if o.order, err = f.order.parse(); err != nil {
		return nil, err
	}
	return f.resizeFlags.toOptions(o)
}
