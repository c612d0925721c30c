// Command kubectl-fleetbackup is the plugin behind kubectl fleetbackup.
package main

import (
	"os"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetbackup"
)

func main() { os.Exit(int(cli.Main(fleetbackup.NewCmdFleetbackup))) }
