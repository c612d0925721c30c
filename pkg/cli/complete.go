package cli

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// addCompletion completes the values of the flags that all commands share, from
// files alone: no cluster is asked but hubs that --inventory names. What fails
// completes nothing, and says nothing.
func addCompletion(cmd *cobra.Command, env *Env) {
	for flag, complete := range map[string]cobra.CompletionFunc{
		"clusters": func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completeClusters(cmd, env, typed), cobra.ShellCompDirectiveNoFileComp
		},
		"context": func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return completeContexts(cmd, env), cobra.ShellCompDirectiveNoFileComp
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

// flagsTyped are the flags that say which clusters there are, as typed so far.
func flagsTyped(cmd *cobra.Command, env *Env) *ClusterFlags {
	flags := NewClusterFlags(env).silenced()
	flags.flags = cmd.Flags()
	for name, value := range map[string]*string{"kubeconfig": flags.config.KubeConfig, fleetFlag: &flags.fleet, programsFlag: &flags.programs} {
		if given, err := cmd.Flags().GetString(name); err == nil {
			*value = given
		}
	}
	flags.inventory, _ = cmd.Flags().GetStringSlice("inventory")
	return flags
}

// completeClusters offers the member names for the last name of the list typed,
// behind the ^ of an exclusion, too.
func completeClusters(cmd *cobra.Command, env *Env, typed string) []cobra.Completion {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	listed, err := flagsTyped(cmd, env).list(ctx)
	if err != nil {
		return nil
	}
	distinct, _ := inventory.Distinct(listed.clusters)
	before := typed[:strings.LastIndex(typed, ",")+1]
	if strings.HasPrefix(typed[len(before):], "^") {
		before += "^"
	}
	chosen := strings.FieldsFunc(before, func(r rune) bool { return r == ',' || r == '^' })
	var names []cobra.Completion
	for _, c := range distinct {
		if !slices.Contains(chosen, c.Name) {
			names = append(names, before+c.Name)
		}
	}
	return names
}

// completeContexts offers every context of the kubeconfig.
func completeContexts(cmd *cobra.Command, env *Env) []cobra.Completion {
	flags := flagsTyped(cmd, env)
	flags.contexts = true
	listed, _ := flags.list(cmd.Context()) // nothing after an error
	return names(listed.clusters, nil, func(c inventory.Cluster) string { return c.Context })
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

// completionTime is how long a person waits for Tab.
const completionTime = 2 * time.Second

// CompleteFrom completes by asking the clusters that the flags select: for a
// while, in silence, and without those that would ask for a password. offer
// returns the completions of the word that is being typed.
func (f *ClusterFlags) CompleteFrom(offer func(ctx context.Context, s Selection, args []string, typed string) []cobra.Completion) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		s, err := f.silenced().selected(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		s.Clusters = slices.DeleteFunc(s.Clusters, func(c inventory.Cluster) bool {
			return s.prompting(ctx, c) != nil
		})
		offered := offer(ctx, s, args, typed)
		directive := cobra.ShellCompDirectiveNoFileComp
		if len(offered) > 0 && strings.HasSuffix(offered[0], "/") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return offered, directive
	}
}

// silenced are the same flags, of a command that says nothing.
func (f *ClusterFlags) silenced() *ClusterFlags {
	env, silent := *f.env, *f
	env.ErrOut = io.Discard
	silent.env, silent.prompts = &env, false
	return &silent
}
