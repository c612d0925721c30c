package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func newCmdUse(env *cli.Env) *cobra.Command {
	flags := &useFlags{env: env}
	cmd := &cobra.Command{
		Use:   "use {FLEET | --none}",
		Short: "Choose the fleet that commands are about when they name none",
		Long: `Choose the fleet that commands are about when they name none.

It is written to the fleet file ($` + cli.FleetFileVariable + `, by default ~/.kube/fleets.yaml) as currentFleet. --fleet and
$` + cli.FleetVariable + ` still have precedence. No cluster is asked.

Exit codes: 0 done, 1 the file could not be written, 2 usage, or no such fleet.`,
		Example: `  # From now on, the members of one fleet
  kubectl fleet use prod

  # Every context again
  kubectl fleet use --none`,
		ValidArgsFunction: cli.CompleteFleet(env),
		RunE: cli.RunE(func(_ context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run()
		}),
	}
	cmd.Flags().BoolVar(&flags.none, "none", false, "No fleet: every context")
	return cmd
}

type useFlags struct {
	env  *cli.Env
	none bool
}

type useOptions struct {
	env *cli.Env
	// fleet is empty for none.
	fleet string
}

func (f *useFlags) toOptions(args []string) (*useOptions, error) {
	o := &useOptions{env: f.env}
	switch {
	case f.none && len(args) == 0:
		return o, nil
	case f.none:
		return nil, cli.UsageError(errors.New("a FLEET and --none exclude each other"))
	case len(args) != 1:
		return nil, cli.UsageError(fmt.Errorf("want the name of one fleet, or --none; got %d names", len(args)))
	case args[0] == "":
		return nil, cli.UsageError(errors.New("the fleet's name is empty; --none means every context"))
	}
	o.fleet = args[0]
	return o, nil
}

func (o *useOptions) run() error {
	file, err := membership.OpenFleetFile(o.env.FleetFile())
	if err != nil {
		return cli.UsageError(err)
	}
	said, err := o.change(file)
	if err != nil {
		return err
	}
	if err := file.Save(); err != nil {
		return err
	}
	if over := o.env.Getenv(cli.FleetVariable); over != "" && over != o.fleet {
		o.env.Note("$%s is %q and has precedence over the fleet file in this shell", cli.FleetVariable, over)
	}
	_, err = fmt.Fprint(o.env.Out, printers.Escape(said), "\n")
	return err
}

// change makes the change and says what it means.
func (o *useOptions) change(file *membership.FleetFile) (string, error) {
	if o.fleet == "" {
		return "Switched to every context of the kubeconfig.", file.UseNone()
	}
	fleet, err := file.Use(o.fleet)
	if err != nil {
		return "", cli.UsageError(err)
	}
	unit := "members"
	if len(fleet.Members) == 1 {
		unit = "member"
	}
	return fmt.Sprintf("Switched to fleet %q: %d %s.", fleet.Name, len(fleet.Members), unit), nil
}
