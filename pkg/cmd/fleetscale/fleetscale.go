// Package fleetscale has the commands of kubectl fleetscale, one verb a file.
package fleetscale

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/completion"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/rbac"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/version"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

// NewCmdFleetscale returns the root command of kubectl fleetscale.
func NewCmdFleetscale(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kubectl-fleetscale",
		Short: "Shrink and grow clusters, breaking no promise",
		Long: `kubectl fleetscale lets nodes leave clusters: those that can go, after their pods run elsewhere, and never against a
PodDisruptionBudget.

plan shows which nodes, in which order, where their pods would run and what keeps the others; nothing is changed. down does
it, and remembers in each cluster how far it has come: status, resume and abort work from any workstation. up and set give
pools other counts, and wait for the nodes that come.`,
	}
	cmd.AddCommand(
		newCmdAbort(env),
		newCmdDown(env),
		newCmdPDB(env),
		newCmdPlan(env),
		newCmdResume(env),
		newCmdSet(env),
		newCmdStatus(env),
		newCmdUp(env),
		rbac.NewCmdRBAC(env, "kubectl-fleetscale", rights.Fleetscale, `  # To look, and to let nodes leave
  kubectl fleetscale rbac plan down | kubectl apply -f -`),
		version.NewCmdVersion(env),
	)
	completion.Add(cmd, env)
	return cmd
}
