// Package rbac has the command rbac, which is the same in all plugins.
package rbac

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/rights"
)

// NewCmdRBAC returns the command rbac of a plugin, such as kubectl-fleet, by the text of
// its table. An example of the plugin's own follows those that are the same for all.
func NewCmdRBAC(env *cli.Env, plugin, table, example string) *cobra.Command {
	flags := &flags{env: env, plugin: plugin, table: table}
	name := cli.DisplayName(plugin)
	cmd := &cobra.Command{
		Use:   "rbac [VERB...]",
		Short: "Print the least roles that commands need",
		Long: `Print the least roles that commands need; without VERB, those of every command. No cluster is asked.

It is a List for kubectl apply: for each command a ClusterRole, and where a namespace suffices a Role; also the namespace
that remembers runs, for commands that need it. They are made from what the commands were seen to ask real API servers for
(https://github.com/kubectl-fleet/kubectl-fleet/blob/main/docs/rights.md). What everybody may do who logs in is left out:
discovery, version, readiness, and to ask for one's own rights; so is what is asked of a hub, and of who keeps nodes.

Some commands ask for the types that you name. Their roles have the fixed part, and --for adds types: stderr says for
which commands. Those that look through all types of a cluster may read all, unless --for says which. With -n the roles for
what you work on are in that namespace.

Exit codes: 0 printed, 2 usage or no such command.`,
		Example: fmt.Sprintf(`  # Every command
  %[1]s rbac

%[2]s`, name, example),
		ValidArgsFunction: flags.complete,
		RunE: cli.RunE(func(_ context.Context, args []string) error {
			o, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return o.run()
		}),
	}
	flags.addFlags(cmd.Flags())
	formats := []cobra.Completion{printers.FormatYAML, printers.FormatJSON, printers.FormatName}
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // it is there
	return cmd
}

type flags struct {
	env           *cli.Env
	plugin, table string

	request rights.Request
	output  string
}

func (f *flags) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.request.Types, "for", nil, "Types that the commands are used for, as PLURAL[.GROUP]: pods,deployments.apps")
	flags.StringSliceVarP(&f.request.Namespaces, "namespace", "n", nil, "Namespaces that the commands are used in; by default all")
	flags.StringVar(&f.request.StateNamespace, "state-namespace", rights.DefaultStateNamespace, "Namespace in each cluster that remembers runs")
	if table, err := rights.Parse(f.table); err == nil && table.Has(rights.ScopeVelero) {
		flags.StringVar(&f.request.VeleroNamespace, "velero-namespace", "velero", "Namespace of Velero in each cluster")
	}
	flags.StringVarP(&f.output, "output", "o", printers.FormatYAML, "Output format: yaml, json, name, jsonpath=, custom-columns=")
}

func (f *flags) complete(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	table, err := rights.Parse(f.table)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return slices.DeleteFunc(table.Commands(), func(c string) bool { return slices.Contains(args, c) }), cobra.ShellCompDirectiveNoFileComp
}

type options struct {
	env      *cli.Env
	plugin   string
	table    rights.Table
	commands []string
	request  rights.Request
	output   cli.Output
}

func (f *flags) toOptions(args []string) (*options, error) {
	table, err := rights.Parse(f.table)
	if err != nil {
		return nil, err
	}
	format, err := printers.ParseFormat(f.output)
	if err == nil && format.IsTable() {
		err = fmt.Errorf("output format %q: roles are printed as yaml or json", f.output)
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	commands := slices.Compact(slices.Sorted(slices.Values(args)))
	if len(args) == 0 {
		commands = table.Commands()
	}
	for _, c := range commands {
		if !slices.Contains(table.Commands(), c) {
			return nil, cli.UsageError(fmt.Errorf("there is no command %q; there are: %s", c, strings.Join(table.Commands(), ", ")))
		}
	}
	for _, t := range f.request.Types {
		if t != strings.ToLower(t) || strings.ContainsAny(t, "/* ") || t == "" {
			return nil, cli.UsageError(fmt.Errorf("--for %q: want the plural, and the group behind a point: pods, deployments.apps", t))
		}
	}
	return &options{env: f.env, plugin: f.plugin, table: table, commands: commands, request: f.request, output: cli.Output{Format: format}}, nil
}

func (o *options) run() error {
	printer, err := o.output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	var nothing, types, every []string
	remembers := false
	for _, command := range o.commands {
		roles := o.table.Roles(o.plugin, command, o.request)
		for _, role := range roles {
			if role.GetNamespace() == o.request.StateNamespace && !remembers {
				remembers = true
				if err := printer.Print("", namespace(o.request.StateNamespace)); err != nil {
					return err
				}
			}
			if err := printer.Print("", role); err != nil {
				return err
			}
		}
		asked := o.table.Verbs(command, rights.AskedFor)
		if len(o.request.Types) == 0 {
			types = append(types, with(command, asked)...)
			every = append(every, with(command, o.table.Verbs(command, rights.Every))...)
		}
		if len(roles) == 0 && len(asked) == 0 {
			nothing = append(nothing, command)
		}
	}
	if err := printer.Close(nil); err != nil {
		return err
	}
	if len(types) > 0 {
		o.env.Note("on the types that you name there come: %s. --for pods,deployments.apps adds them", strings.Join(types, "; "))
	}
	if len(every) > 0 {
		o.env.Note("all types of the cluster, Secrets too, may be read by: %s. What they look for may be of any; --for says of which it is", strings.Join(every, "; "))
	}
	if len(nothing) > 0 {
		o.env.Note("nothing that not everybody may: %s", strings.Join(nothing, ", "))
	}
	return nil
}

// with is a command and its verbs, if it has any.
func with(command string, verbs []string) []string {
	if len(verbs) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s (%s)", command, strings.Join(verbs, ", "))}
}

// namespace is the one that remembers runs: a Role needs it, and who has only these
// roles cannot make it.
func namespace(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}}
}
