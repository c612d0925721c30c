package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func newCmdConfigView(env *cli.Env) *cobra.Command {
	flags := &configViewFlags{env: env, clusters: cli.NewClusterFlags(env), fleet: cli.NewFleetFlag(env)}
	cmd := &cobra.Command{
		Use:   "view",
		Short: "Show the fleet file as it is understood",
		Long: `Show the fleet file as it is understood.

Its path is on stderr. What is shown is a fleet file, too: members have the names that rows and flags know them by, and
fields that this release does not know are left out and named on stderr. There are no credentials in it. No cluster is
asked.

Exit codes: 0 shown, 2 usage, no such fleet, or a file that cannot be read.`,
		Example: `  # The whole file
  kubectl fleet config view

  # The contexts of one fleet
  kubectl fleet config view --fleet prod -o json | jq -r '.fleets[].members[].context'`,
		Args:              cli.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: cli.RunE(func(ctx context.Context, _ []string) error {
			options, err := flags.toOptions()
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	formats := []cobra.Completion{printers.FormatJSON, printers.FormatYAML}
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // it is there
	return cmd
}

type configViewFlags struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	fleet    *cli.FleetFlag
	output   string
}

func (f *configViewFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddKubeconfigFlag(flags)
	f.fleet.AddFlag(flags, "Show this fleet alone")
	flags.StringVarP(&f.output, "output", "o", printers.FormatYAML, "Output format: yaml, json")
}

type configViewOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	fleet    *cli.FleetFlag
	format   printers.Format
}

func (f *configViewFlags) toOptions() (*configViewOptions, error) {
	o := &configViewOptions{env: f.env, clusters: f.clusters, fleet: f.fleet, format: printers.Format{Name: f.output}}
	if f.output != printers.FormatYAML && f.output != printers.FormatJSON {
		return nil, cli.UsageError(fmt.Errorf("unknown output format %q; there are: yaml, json", f.output))
	}
	return o, f.fleet.Validate()
}

func (o *configViewOptions) run(ctx context.Context) error {
	path := o.env.FleetFile()
	config, unknown, err := inventory.ReadFleetFile(path)
	if err != nil {
		return cli.UsageError(err)
	}
	if config == nil {
		o.env.Note("there is no fleet file %s; %s join makes it", path, o.env.DisplayName())
		config = &v1alpha1.FleetConfig{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.FleetConfigKind, Fleets: []v1alpha1.Fleet{}}
	} else {
		o.env.Note("fleet file %s", path)
	}
	for _, field := range unknown {
		o.env.Note("%s", field)
	}
	if err := errors.Join(o.only(config), o.name(ctx, config)); err != nil {
		return cli.UsageError(err)
	}
	return printers.Document(o.env.Out, o.format, config, o.env.OutTerminal)
}

// only leaves the fleet asked for, if one was.
func (o *configViewOptions) only(config *v1alpha1.FleetConfig) error {
	if !o.fleet.Given() {
		return nil
	}
	name, err := o.fleet.Of(config)
	if err != nil {
		return err
	}
	fleet, err := inventory.FindFleet(config, name)
	if err != nil {
		return err
	}
	config.Fleets = []v1alpha1.Fleet{*fleet}
	if config.CurrentFleet != name {
		config.CurrentFleet = ""
	}
	return nil
}

// name gives members without a name of their own the one derived.
func (o *configViewOptions) name(ctx context.Context, config *v1alpha1.FleetConfig) error {
	list := o.clusters.Members(ctx)
	for i := range config.Fleets {
		fleet := &config.Fleets[i]
		listed, err := list(fleet)
		if err != nil {
			return err
		}
		for j := range fleet.Members {
			fleet.Members[j].Name = listed[j].Name
		}
	}
	return nil
}
