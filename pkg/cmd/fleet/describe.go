package fleet

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

func newCmdDescribe(env *cli.Env) *cobra.Command {
	flags := &describeFlags{env: env, clusters: cli.NewClusterFlags(env), events: true}
	cmd := &cobra.Command{
		Use:   "describe TYPE/NAME",
		Short: "Describe an object of every cluster that has it",
		Long: `Describe an object of every cluster that has it, as kubectl describe does, one cluster after the other.

Exit codes: 0 all clusters answered, 1 none did or the object is nowhere, 2 usage, 3 some clusters failed.`,
		Example: `  # The same deployment in all clusters
  kubectl fleet describe deployment/coredns -n kube-system

  # One node, without the events
  kubectl fleet describe node node-1 --show-events=false -C 'prod-*'`,
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	complete(cmd, flags.clusters, completeObjects(flags.clusters, &flags.namespace))
	return cmd
}

type describeFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags

	namespace string
	events    bool
}

func (f *describeFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddFlags(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Namespace; by default each context's own")
	flags.BoolVar(&f.events, "show-events", f.events, "Show the events about the object, too")
}

type describeOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	request  query.Request
	events   bool
}

func (f *describeFlags) toOptions(args []string) (*describeOptions, error) {
	request, err := oneObject(args, f.flags, f.namespace)
	if err != nil {
		return nil, cli.UsageError(err)
	}
	request.ChunkSize = query.DefaultChunkSize
	return &describeOptions{env: f.env, clusters: f.clusters, request: request, events: f.events}, nil
}

func (o *describeOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	line := selection.ShowWaiting(o.env)
	descriptions, report := query.Describe(ctx, fleetOf(selection), o.request, o.events)
	line.Done()
	return conclude(o.env, report, o.write(descriptions))
}

// write prints each cluster's description under a header, as tail does with
// files.
func (o *describeOptions) write(descriptions []query.Description) error {
	for i, d := range descriptions {
		header := "==> " + d.Cluster + " <==\n"
		if i > 0 {
			header = "\n" + header
		}
		if _, err := fmt.Fprint(o.env.Out, header, printers.Escape(d.Text)); err != nil {
			return err
		}
	}
	return nil
}
