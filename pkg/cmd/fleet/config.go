package fleet

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

func newCmdConfig(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Look at the fleet file",
		Long: `Look at the fleet file.

join, unjoin, label and use change it; it may as well be written by hand.`,
	}
	cmd.AddCommand(newCmdConfigView(env))
	return cmd
}
