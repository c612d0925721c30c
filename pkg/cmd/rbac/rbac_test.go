package rbac_test

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetbackup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetscale"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

// What every command needs is known, and of nothing else.
func TestEveryCommandIsKnown(t *testing.T) {
	for plugin, of := range map[string]struct {
		construct func(*cli.Env) *cobra.Command
		table     string
	}{
		"kubectl-fleet":       {fleet.NewCmdFleet, rights.Fleet},
		"kubectl-fleetbackup": {fleetbackup.NewCmdFleetbackup, rights.Fleetbackup},
		"kubectl-fleetscale":  {fleetscale.NewCmdFleetscale, rights.Fleetscale},
	} {
		table, err := rights.Parse(of.table)
		if err != nil {
			t.Fatal(err)
		}
		var commands []string
		for _, c := range of.construct(&cli.Env{Plugin: plugin, Getenv: func(string) string { return "" }}).Commands() {
			if !c.Hidden && c.Name() != "rbac" && c.Name() != "completion" {
				commands = append(commands, c.Name())
			}
		}
		slices.Sort(commands)
		if !slices.Equal(commands, table.Commands()) {
			t.Errorf("%s has the commands %q, and its table %q", plugin, commands, table.Commands())
		}
	}
}
