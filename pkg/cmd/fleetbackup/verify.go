package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/restore"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func newCmdVerify(env *cli.Env) *cobra.Command {
	flags := &verifyFlags{env: env, clusters: cli.NewClusterFlags(env), manifest: manifestFlags{policies: true}}
	cmd := &cobra.Command{
		Use:   "verify [SET]",
		Short: "See whether a set is still there, and whole",
		Long: `See whether a set is still there, and whole: that every member's backup is as the manifest says and has not expired, that its
location is available, and that the store has it. Nothing is changed. That it works shows a drill alone.

Each backup is looked at in the cluster that it is of. With -C, or another flag that chooses clusters, those of the others are
not; where they are is said, also of a cluster that does not answer.

With -f and the file of a policy, and no SET, it is the newest set of that policy that is complete and of its minimum grade;
which one is said, and what newer one is not.

Exit codes: 0 all is well; 1 no cluster answers; 3 some do not; 7 a member cannot be relied on.`,
		Example: `  # Is last night's set still good?
  kubectl fleetbackup verify shop-k3x9

  # For cron: is the newest set still good?
  kubectl fleetbackup verify -f shop.yaml

  # For scripts: members that have a problem
  kubectl fleetbackup verify shop-k3x9 -o json | jq '.items[] | select(.problems)'`,
		Args: cobra.MaximumNArgs(1),
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			output, err := flags.output.Parse()
			if err != nil {
				return err
			}
			return flags.run(ctx, strings.Join(args, ""), output)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type verifyFlags struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.OutputFlags
	manifest manifestFlags
}

func (f *verifyFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	f.manifest.addFlags(flags)
}

func (f *verifyFlags) run(ctx context.Context, set string, output cli.Output) error {
	if set == "" && f.manifest.file == "" {
		return f.manifest.unnamed()
	}
	e, err := f.manifest.find(ctx, f.env, f.clusters, set, time.Time{})
	if err != nil {
		return err
	}
	var names []string
	for _, m := range e.Status.Members {
		names = append(names, m.Cluster)
	}
	asked := names
	if f.clusters.Narrowed() {
		asked = nil
	}
	selection, err := f.clusters.Select(ctx, asked...)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(f.env)
	fleet := restore.Fleet{Members: selection.Members, Fanout: selection.Fanout}
	var unasked []string
	for _, name := range names {
		switch found := named(selection.Clusters, name); {
		case len(found) == 1:
			fleet.Clusters = append(fleet.Clusters, found[0])
		case len(found) == 0 && asked == nil:
			unasked = append(unasked, name)
		default:
			return cli.UsageError(fmt.Errorf("member %s of the set is %d clusters of the kubeconfig", name, len(found)))
		}
	}
	if len(fleet.Clusters) == 0 {
		return cli.UsageError(fmt.Errorf("no member of %s is among the chosen clusters; they are %s", e.Name, strings.Join(names, ", ")))
	}
	line := selection.ShowWaiting(f.env)
	results := restore.Verify(ctx, fleet, e, time.Now())
	line.Done()
	concluded := f.conclude(output, results)
	for _, failure := range results.Failures(nil) {
		unasked = append(unasked, failure.Cluster)
	}
	for _, m := range inBuckets(e, unasked) {
		f.env.Note("%s was not looked at: its backup %s is in %s; %s restore %s --map %s=CLUSTER --preview reads it by a cluster with a BackupStorageLocation there",
			m.Cluster, m.Backup.Name, m.Location, f.env.DisplayName(), e.Name, m.Cluster)
	}
	return concluded
}

// inBuckets are those of some members of a set that have a Backup whose bucket is known:
// other clusters may have a way to it.
func inBuckets(e *v1alpha1.BackupExecution, clusters []string) []v1alpha1.MemberExecution {
	return slices.DeleteFunc(slices.Clone(e.Status.Members), func(m v1alpha1.MemberExecution) bool {
		return m.Missing != "" || m.Location.Bucket == "" || !slices.Contains(clusters, m.Cluster)
	})
}

// named are the clusters of a name, or of a context's.
func named(clusters []inventory.Cluster, name string) []inventory.Cluster {
	var found []inventory.Cluster
	for _, c := range clusters {
		if c.Name == name || c.Context == name {
			found = append(found, c)
		}
	}
	return found
}

func (f *verifyFlags) conclude(output cli.Output, results fanout.Results[*v1alpha1.BackupCheck]) error {
	failures := results.Failures(nil)
	var items []metav1.Object
	degraded := false
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Backup", "Phase", "Items", "Expires", "Location", "Problems")}
	for _, r := range results {
		c := r.Value
		if r.Err != nil || c == nil {
			continue
		}
		items = append(items, c)
		degraded = degraded || len(c.Problems) > 0
		expires := printers.None
		if !c.Expires.IsZero() {
			expires = c.Expires.UTC().Format(time.RFC3339)
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			r.Cluster.Name, c.Backup, printers.OrNone(c.Phase), c.Items, expires, printers.OrNone(c.Location), printers.OrNone(strings.Join(c.Problems, "; ")),
		}})
		for _, unknown := range c.Unknown {
			f.env.Note("%s: %s", r.Cluster.Name, unknown)
		}
	}
	var printed error
	if output.Format.IsTable() {
		printed = printers.Table(f.env.Out, table, output.Table())
	} else {
		printed = cli.PrintItems(f.env, output, items, failures)
	}
	f.env.SayFailures(failures)
	verdict := cli.Verdict(len(results), failures)
	switch {
	case degraded:
		return &cli.Error{Code: cli.ExitDegraded, Err: errors.Join(errors.New("the set cannot be relied on any more"), printed)}
	case verdict != nil:
		verdict.Err = printed
		return verdict
	}
	return printed
}
