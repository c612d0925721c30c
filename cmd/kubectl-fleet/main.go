// Command kubectl-fleet is the plugin behind kubectl fleet.
package main

import (
	"os"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
)

func main() { os.Exit(int(cli.Main(fleet.NewCmdFleet))) }
