// Package fleet has the commands of kubectl fleet, one verb a file.
package fleet

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/completion"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/rbac"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/version"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

// NewCmdFleet returns the root command of kubectl fleet.
func NewCmdFleet(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kubectl-fleet",
		Short: "See and change many clusters as one",
		Long: `kubectl fleet sees and changes many clusters as one.

It needs no server: the clusters are those of your kubeconfig, the members of a fleet in your fleet file
($KUBECTL_FLEET_CONFIG, by default ~/.kube/fleets.yaml), or those that a hub lists (--inventory). A cluster that is down
or slow never hides the others, and holds them up for --cluster-timeout at most: it is named on stderr, with a reason, and
the exit code is 3.`,
	}
	cmd.AddCommand(
		newCmdConfig(env),
		newCmdDescribe(env),
		newCmdDiff(env),
		newCmdEvents(env),
		newCmdExec(env),
		newCmdFind(env),
		newCmdGet(env),
		newCmdJoin(env),
		newCmdLabel(env),
		newCmdLogs(env),
		newCmdPropagate(env),
		newCmdRollback(env),
		newCmdStatus(env),
		newCmdTop(env),
		newCmdUnjoin(env),
		newCmdUse(env),
		newCmdWithdraw(env),
		rbac.NewCmdRBAC(env, "kubectl-fleet", rights.Fleet, `  # Two commands, for pods and deployments of one namespace
  kubectl fleet rbac get logs --for pods,deployments.apps -n shop | kubectl apply -f -`),
		version.NewCmdVersion(env),
	)
	completion.Add(cmd, env)
	return cmd
}
