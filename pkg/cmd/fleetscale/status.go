package fleetscale

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
)

func newCmdStatus(env *cli.Env) *cobra.Command {
	flags := &runFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how far the last run has come in each cluster",
		Long: `Show how far the last run has come in each cluster, as its journal there says. It can be asked from any workstation, also
while the run goes on elsewhere.`,
		Example: `  # All clusters
  kubectl fleetscale status

  # For scripts: clusters whose run has stopped
  kubectl fleetscale status -o json | jq -r '.items[] | select(.phase == "Paused") | .metadata.annotations["kubectl-fleet.io/cluster"]'`,
		Args: cobra.NoArgs,
		RunE: cli.RunE(func(ctx context.Context, _ []string) error {
			output, err := flags.output.Parse()
			if err != nil {
				return err
			}
			return flags.status(ctx, output)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

// runFlags are those of every command about a run that was begun.
type runFlags struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	output    cli.OutputFlags
	namespace string
}

func (f *runFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	addStateNamespace(flags, &f.namespace)
}

func (f *runFlags) status(ctx context.Context, output cli.Output) error {
	selection, err := f.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(f.env)
	line := selection.ShowWaiting(f.env)
	results := scale.Status(ctx, scale.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}, f.namespace)
	line.Done()
	var runs []*v1alpha1.ScaleRun
	for _, r := range results {
		if r.Err == nil && r.Value != nil {
			runs = append(runs, runOf(r.Cluster.Name, r.Value.Journal))
		}
	}
	failures := results.Failures(nil)
	printed := printRuns(f.env, output, runs, failures)
	f.env.SayFailures(failures)
	if len(runs) == 0 && len(failures) < len(results) {
		f.env.Note("no cluster remembers a run")
	}
	if verdict := cli.Verdict(len(results), failures); verdict != nil {
		verdict.Err = printed
		return verdict
	}
	return printed
}

// runOf is a journal as data.
func runOf(cluster string, j journal.Journal) *v1alpha1.ScaleRun {
	run := &v1alpha1.ScaleRun{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ScaleRunKind},
		ObjectMeta: metav1.ObjectMeta{Name: j.Run, Annotations: map[string]string{v1alpha1.ClusterAnnotation: cluster}},
		By:         j.By, Started: j.Started, Phase: string(j.Phase), Why: j.Why, Nodes: []v1alpha1.ScaleRunNode{},
	}
	if g := j.Growth; g != nil {
		run.Growth = &v1alpha1.PoolGrowth{Pool: g.Pool.Name, From: *g.Pool.Owner.Count, To: g.To}
	}
	for _, n := range j.Nodes {
		run.Nodes = append(run.Nodes, v1alpha1.ScaleRunNode{Name: n.Name, Wave: n.Wave, Phase: string(n.Phase), Why: n.Why})
	}
	return run
}

// runsOf are the journals that a run has left.
func runsOf(results fanout.Results[scale.Outcome]) []*v1alpha1.ScaleRun {
	var runs []*v1alpha1.ScaleRun
	for _, r := range results {
		if r.Value.Journal.Run != "" {
			runs = append(runs, runOf(r.Cluster.Name, r.Value.Journal))
		}
	}
	return runs
}

func printRuns(env *cli.Env, output cli.Output, runs []*v1alpha1.ScaleRun, failures []fanout.Failure) error {
	if !output.Format.IsTable() {
		items := make([]metav1.Object, len(runs))
		for i, r := range runs {
			items[i] = r
		}
		return cli.PrintItems(env, output, items, failures)
	}
	if len(runs) == 0 {
		return nil
	}
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Run", "Phase", "Wave", "Node", "State", "Why")}
	for _, r := range runs {
		row := func(wave any, what, state, why string) {
			table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{r.Annotations[v1alpha1.ClusterAnnotation], r.Name, r.Phase, wave, what, state, printers.OrNone(why)}})
		}
		if g := r.Growth; g != nil {
			row(printers.None, "pool "+g.Pool, fmt.Sprintf("%d -> %d", g.From, g.To), r.Why)
		}
		for _, n := range r.Nodes {
			if n.Wave == 0 {
				row(printers.None, n.Name, n.Phase, whyOf(r, n))
				continue
			}
			row(n.Wave, n.Name, n.Phase, whyOf(r, n))
		}
	}
	return printers.Table(env.Out, table, output.Table())
}

// whyOf is why a node is as it is: one that has not come to its end is so because the
// run stopped.
func whyOf(r *v1alpha1.ScaleRun, n v1alpha1.ScaleRunNode) string {
	if n.Why == "" && !journal.NodePhase(n.Phase).Ended() {
		return r.Why
	}
	return n.Why
}
