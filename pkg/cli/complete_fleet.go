package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// CompleteContexts completes arguments that are contexts, without those that are
// in the fleet already.
func CompleteContexts(env *Env) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		flags := flagsTyped(cmd, env)
		if fleet, err := flags.chosenFleet(); err == nil && fleet != nil {
			for _, m := range fleet.Members {
				args = append(args, m.Context)
			}
		}
		flags.contexts = true
		listed, _ := flags.list(cmd.Context()) // nothing after an error
		return names(listed.clusters, args, func(c inventory.Cluster) string { return c.Context }), cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteMembers completes arguments that are members of the fleet.
func CompleteMembers(env *Env) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		flags := flagsTyped(cmd, env)
		fleet, err := flags.chosenFleet()
		if err != nil || fleet == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		listed, _ := flags.Members(cmd.Context())(fleet) // nothing after an error
		return names(listed, args, func(c inventory.Cluster) string { return c.Name }), cobra.ShellCompDirectiveNoFileComp
	}
}

// names are those of clusters that are not typed yet.
func names(clusters []inventory.Cluster, typed []string, name func(inventory.Cluster) string) []cobra.Completion {
	var names []cobra.Completion
	for _, c := range clusters {
		if !slices.Contains(typed, name(c)) {
			names = append(names, name(c))
		}
	}
	return names
}
