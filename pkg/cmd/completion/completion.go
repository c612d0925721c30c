// Package completion has the command completion, which is the same in all
// plugins: cobra's scripts for shells, and install, since kubectl has a way of its
// own to complete its plugins.
package completion

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

// Add gives the root command of a plugin, which has its other commands already,
// the command completion.
func Add(root *cobra.Command, env *cli.Env) {
	root.SetOut(env.Out) // cobra's commands keep what they find here
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.AddCommand(newCmdInstall(root.Name(), env))
		}
	}
}
