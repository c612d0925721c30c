// Package fleetscale has the commands of kubectl fleetscale, one verb a file.
package fleetscale

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/version"
)

// NewCmdFleetscale returns the root command of kubectl fleetscale.
func NewCmdFleetscale(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "kubectl-fleetscale", Short: "Shrink and grow clusters, breaking no promise"}
	cmd.AddCommand(version.NewCmdVersion(env))
	return cmd
}
