package fleetscale

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
)

func newCmdPDB(env *cli.Env) *cobra.Command {
	flags := &pdbFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "pdb [NAME]",
		Short: "Show which disruption budgets block, now or for ever, and what would mend them",
		Long: `Show which disruption budgets block, now or for ever, and what would mend them.

Open: it allows a disruption now. Waiting: when pods that are not healthy are so again. Permanent: never, even if all pods are
healthy. Uncounted: its controller cannot count its pods. Shared pods are under two budgets: the API server evicts none of those.`,
		Example: `  # Those that block
  kubectl fleetscale pdb

  # All, also those that allow a disruption
  kubectl fleetscale pdb --all

  # One, in every cluster that has it
  kubectl fleetscale pdb pg -n db`,
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			output, err := flags.output.Parse()
			if err != nil {
				return err
			}
			name := ""
			switch len(args) {
			case 0:
			case 1:
				name = args[0]
			default:
				return cli.UsageError(errors.New("name one budget, or none for all that block"))
			}
			return flags.run(ctx, output, name)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type pdbFlags struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	output    cli.OutputFlags
	namespace string
	all       bool
}

func (f *pdbFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Only budgets of this namespace")
	flags.BoolVar(&f.all, "all", false, "Show those that allow a disruption, too")
}

func (f *pdbFlags) run(ctx context.Context, output cli.Output, name string) error {
	selection, err := f.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(f.env)
	line := selection.ShowWaiting(f.env)
	results := scale.Budgets(ctx, scale.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout})
	line.Done()
	failures := results.Failures(nil)
	var list []*v1alpha1.BudgetState
	for _, r := range results {
		for _, b := range r.Value {
			if (name == "" || b.Name == name) && (f.namespace == "" || b.Namespace == f.namespace) && (f.all || name != "" || scale.Obstructs(b)) {
				b.Annotations = map[string]string{v1alpha1.ClusterAnnotation: r.Cluster.Name}
				list = append(list, b)
			}
		}
	}
	printed := printBudgets(f.env, output, list, failures)
	f.env.SayFailures(failures)
	verdict := cli.Verdict(len(results), failures)
	switch {
	case verdict != nil:
		verdict.Err = printed
		return verdict
	case name != "" && len(list) == 0:
		return &cli.Error{Code: cli.ExitFailed, Err: errors.Join(printed, fmt.Errorf("no cluster has a PodDisruptionBudget %q", name))}
	case len(list) == 0:
		f.env.Note("no budget blocks")
	}
	return printed
}

func printBudgets(env *cli.Env, output cli.Output, list []*v1alpha1.BudgetState, failures []fanout.Failure) error {
	if !output.Format.IsTable() {
		items := make([]metav1.Object, len(list))
		for i, b := range list {
			items[i] = b
		}
		return cli.PrintItems(env, output, items, failures)
	}
	if len(list) == 0 {
		return nil
	}
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Namespace", "Name", "State", "Demand", "Healthy", "Allowed", "Fix")}
	for _, b := range list {
		fix := b.Fix
		if len(b.Shared) > 0 {
			fix = strings.TrimPrefix(fix+"; "+fmt.Sprintf("pods under another budget, too: %s", strings.Join(b.Shared[:min(3, len(b.Shared))], ", ")), "; ")
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			b.Annotations[v1alpha1.ClusterAnnotation], b.Namespace, b.Name, b.Class, b.Demand, fmt.Sprintf("%d/%d", b.Healthy, b.Pods), b.Allowed, printers.OrNone(fix),
		}})
	}
	return printers.Table(env.Out, table, output.Table())
}
