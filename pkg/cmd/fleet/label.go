package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
)

func newCmdLabel(env *cli.Env) *cobra.Command {
	flags := &labelFlags{env: env, clusters: cli.NewClusterFlags(env), fleet: cli.NewFleetFlag(env)}
	cmd := &cobra.Command{
		Use:   "label MEMBER... KEY=VALUE... KEY-...",
		Short: "Change the labels of a fleet's members",
		Long: `Change the labels of a fleet's members, which --cluster-selector matches.

KEY=VALUE sets a label, KEY- takes it away. A member is named by its member name, its context or a glob. The labels are
in the fleet file, and no cluster is asked.

Exit codes: 0 done, or nothing to do; 1 the file could not be written; 2 usage, or no such member; 5 refused, for one
because a label has another value and --overwrite is not given, or not confirmed. But for 0, nothing was written.`,
		Example: `  # Two members of the current fleet
  kubectl fleet label east west env=prod

  # Another value for one label, and no other label, for all members of a fleet
  kubectl fleet label '*' tier=canary region- --overwrite --fleet lab`,
		ValidArgsFunction: cli.CompleteMembers(env),
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

type labelFlags struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	fleet     *cli.FleetFlag
	output    cli.OutputFlags
	mutation  cli.MutationFlags
	overwrite bool
}

func (f *labelFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddKubeconfigFlag(flags)
	f.fleet.AddFlag(flags, "The fleet of the members (default $"+cli.FleetVariable+", then the fleet file's currentFleet)")
	f.output.AddFlags(flags)
	f.mutation.AddFlags(flags)
	flags.BoolVar(&f.overwrite, "overwrite", false, "Let labels that are there get another value")
}

type labelOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	fleet    *cli.FleetFlag
	output   cli.Output
	mutation cli.Mutation
	request  membership.LabelRequest
}

func (f *labelFlags) toOptions(args []string) (*labelOptions, error) {
	o := &labelOptions{env: f.env, clusters: f.clusters, fleet: f.fleet}
	members, specs, err := membersAndLabels(args)
	switch {
	case err != nil:
	case len(members) == 0:
		err = errors.New("which members? Name them before the labels")
	case len(specs) == 0:
		err = errors.New("which labels? KEY=VALUE sets one, KEY- takes it away")
	default:
		o.request.Names, o.request.Overwrite = members, f.overwrite
		o.request.Set, o.request.Remove, err = membership.ParseLabels(specs)
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	if err := f.fleet.Validate(); err != nil {
		return nil, err
	}
	if o.output, err = f.output.Parse(); err != nil {
		return nil, err
	}
	o.mutation, err = f.mutation.Parse(f.env)
	return o, err
}

// membersAndLabels tells the two apart as kubectl label does: what has a "=", or
// a "-" at its end, is a label, and from the first on all are.
func membersAndLabels(args []string) (members, specs []string, err error) {
	for _, arg := range args {
		isLabel := strings.Contains(arg, "=") || strings.HasSuffix(arg, "-")
		switch {
		case isLabel:
			specs = append(specs, arg)
		case len(specs) > 0:
			return nil, nil, fmt.Errorf("%q stands behind a label: name all members first", arg)
		default:
			members = append(members, arg)
		}
	}
	return members, specs, nil
}

func (o *labelOptions) run(ctx context.Context) error {
	change, err := newFleetChange(o.env, o.fleet, o.output, o.mutation)
	if err != nil {
		return err
	}
	o.request.Fleet, o.request.Members = change.fleet, o.clusters.Members(ctx)
	change.verb, change.preposition = "Label", "of"
	change.plan = func(file *membership.FleetFile) (membership.Plan, error) { return file.Label(o.request) }
	return change.run(ctx)
}
