// Package fleetbackup has the commands of kubectl fleetbackup, one verb a file.
package fleetbackup

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/completion"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/rbac"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/version"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

// NewCmdFleetbackup returns the root command of kubectl fleetbackup.
func NewCmdFleetbackup(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "kubectl-fleetbackup", Short: "Back up and restore apps that span clusters"}
	cmd.AddCommand(
		newCmdCreate(env),
		newCmdDelete(env),
		newCmdDescribe(env),
		newCmdDrill(env),
		newCmdGet(env),
		newCmdLogs(env),
		newCmdMigrate(env),
		newCmdPreflight(env),
		rbac.NewCmdRBAC(env, "kubectl-fleetbackup", rights.Fleetbackup, `  # To make sets of what is in a namespace, held still by commands in its pods
  kubectl fleetbackup rbac preflight create recover -n shop | kubectl apply -f -`),
		newCmdRecover(env),
		newCmdRestore(env),
		newCmdSchedule(env),
		newCmdVerify(env),
		version.NewCmdVersion(env),
	)
	completion.Add(cmd, env)
	return cmd
}
