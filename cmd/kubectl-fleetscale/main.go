// Command kubectl-fleetscale is the plugin behind kubectl fleetscale.
package main

import (
	"os"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetscale"
)

func main() { os.Exit(int(cli.Main(fleetscale.NewCmdFleetscale))) }
