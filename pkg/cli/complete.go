package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// addCompletion completes the values of the flags that all commands share, from
// files alone: no cluster is asked. What fails completes nothing, and says
// nothing.
func addCompletion(cmd *cobra.Command, env *Env) {
	for flag, complete := range map[string]cobra.CompletionFunc{
		"clusters": func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completeClusters(cmd, env, typed), cobra.ShellCompDirectiveNoFileComp
		},
		"fleet": func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return CompleteFleet(env)(cmd, nil, typed)
		},
		"output": func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return printers.Formats(), cobra.ShellCompDirectiveNoFileComp
		},
	} {
		if cmd.Flags().Lookup(flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag, complete) // it fails for a flag that is not there
		}
	}
	for _, sub := range cmd.Commands() {
		addCompletion(sub, env)
	}
}

// completeClusters offers the member names for the last name of the list typed,
// behind the ^ of an exclusion, too.
func completeClusters(cmd *cobra.Command, env *Env, typed string) []cobra.Completion {
	silent := *env
	silent.ErrOut = io.Discard
	flags := NewClusterFlags(&silent)
	flags.flags = cmd.Flags()
	for name, value := range map[string]*string{"kubeconfig": flags.config.KubeConfig, "fleet": &flags.fleet} {
		if given, err := cmd.Flags().GetString(name); err == nil {
			*value = given
		}
	}
	listed, err := flags.list(cmd.Context())
	if err != nil {
		return nil
	}
	distinct, _ := inventory.Distinct(listed)
	before := typed[:strings.LastIndex(typed, ",")+1]
	if strings.HasPrefix(typed[len(before):], "^") {
		before += "^"
	}
	names := make([]cobra.Completion, len(distinct))
	for i, c := range distinct {
		names[i] = before + c.Name
	}
	return names
}

// CompleteFleet completes an argument that is the name of a fleet.
func CompleteFleet(env *Env) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeFleets(env), cobra.ShellCompDirectiveNoFileComp
	}
}

func completeFleets(env *Env) []cobra.Completion {
	file, _, err := inventory.ReadFleetFile(env.FleetFile())
	if err != nil || file == nil {
		return nil
	}
	names := make([]cobra.Completion, len(file.Fleets))
	for i, f := range file.Fleets {
		names[i] = f.Name
	}
	return names
}
