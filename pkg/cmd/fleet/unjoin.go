package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
)

func newCmdUnjoin(env *cli.Env) *cobra.Command {
	flags := &unjoinFlags{env: env, clusters: cli.NewClusterFlags(env), fleet: cli.NewFleetFlag(env)}
	cmd := &cobra.Command{
		Use:   "unjoin MEMBER...",
		Short: "Take clusters out of a fleet, or from a Karmada control plane",
		Long: `Take clusters out of a fleet, or from a Karmada control plane.

A member is named by its member name, its context or a glob. It goes from the fleet file; no cluster is asked, so one that
is dead, or whose context is gone, goes like any other. A fleet without members stays, and stays the current one.

With --from karmada=CONTEXT they leave that control plane: first the hub takes back what it propagated, then its account,
rights and tokens go, those that we made and those that karmadactl made under its names. What other control planes use stays,
and so does a namespace that we did not make. A cluster that does not answer goes with --force, and what is left there is said.

Exit codes: 0 done, 1 the file could not be written, 2 usage, or no such member, 5 refused or not confirmed. But for 0,
nothing was written; with --from also 3 some clusters left, 4 the hub is still at it, 6 something is left in a cluster.`,
		Example: `  # One member of the current fleet
  kubectl fleet unjoin apac

  # A dead cluster goes from a Karmada control plane
  kubectl fleet unjoin apac --from karmada=hub --force

  # Several members of another, without a question
  kubectl fleet unjoin 'test-*' --fleet lab --yes`,
		ValidArgsFunction: cli.CompleteMembers(env),
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			if flags.hub.from == "" {
				return options.run(ctx)
			}
			unjoin, err := flags.hub.toUnjoin(options)
			if err != nil {
				return err
			}
			return unjoin.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type unjoinFlags struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	fleet    *cli.FleetFlag
	output   cli.OutputFlags
	mutation cli.MutationFlags
	flags    *pflag.FlagSet
	hub      leaveFlags
}

func (f *unjoinFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddContextFlags(flags)
	f.fleet.AddFlag(flags, "The fleet to leave (default $"+cli.FleetVariable+", then the fleet file's currentFleet)")
	f.output.AddFlags(flags)
	f.mutation.AddFlags(flags)
	f.hub.addFlags(flags)
}

type unjoinOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	fleet    *cli.FleetFlag
	output   cli.Output
	mutation cli.Mutation
	members  []string
}

func (f *unjoinFlags) toOptions(args []string) (*unjoinOptions, error) {
	o := &unjoinOptions{env: f.env, clusters: f.clusters, fleet: f.fleet, members: args}
	if len(args) == 0 {
		return nil, cli.UsageError(errors.New("which members? Name them"))
	}
	if only := onlyForHubs(f.flags); f.hub.from == "" && only != "" {
		return nil, cli.UsageError(fmt.Errorf("--%s is for a hub: name one with --from", only))
	}
	if f.hub.from != "" && f.flags.Changed("fleet") {
		return nil, cli.UsageError(errors.New("--fleet is a fleet of the fleet file, --from is a hub: leave one after the other"))
	}
	err := f.fleet.Validate()
	if err != nil {
		return nil, err
	}
	if o.output, err = f.output.Parse(); err != nil {
		return nil, err
	}
	o.mutation, err = f.mutation.Parse(f.env)
	return o, err
}

func (o *unjoinOptions) run(ctx context.Context) error {
	change, err := newFleetChange(o.env, o.fleet, o.output, o.mutation)
	if err != nil {
		return err
	}
	list := o.clusters.Members(ctx)
	change.verb, change.preposition = "Unjoin", "from"
	change.plan = func(file *membership.FleetFile) (membership.Plan, error) {
		return file.Unjoin(change.fleet, o.members, list)
	}
	return change.run(ctx)
}
