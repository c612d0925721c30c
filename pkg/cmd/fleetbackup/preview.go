package fleetbackup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/restore"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// showPreview shows what would become of each object of the backups.
func (o *restoring) showPreview(ctx context.Context, fleet restore.Fleet, x *v1alpha1.RestoreExecution, warnings map[string][]v1alpha1.BackupFinding) error {
	results := restore.Preview(ctx, fleet, x, newRestoreProgress(o.env))
	var items []metav1.Object
	counts := map[string]int{}
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Target", "Namespace", "Object", "Change", "Why")}
	for _, r := range results {
		for _, c := range r.Value {
			items = append(items, c)
			counts[c.Change]++
			kind := schema.FromAPIVersionAndKind(c.Object.APIVersion, c.Object.Kind).GroupKind()
			table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
				r.Cluster.Name, printers.OrNone(c.Namespace), strings.ToLower(kind.String()) + "/" + c.Name, c.Change, printers.OrNone(whyChanged(c)),
			}})
		}
	}
	failures := results.Failures(func(changes []*v1alpha1.RestoreChange) int { return len(changes) })
	var printed error
	if o.output.Format.IsTable() {
		printed = printers.Table(o.env.Out, table, o.output.Table())
	} else {
		printed = cli.PrintItems(o.env, o.output, items, failures)
	}
	for _, target := range slices.Sorted(maps.Keys(warnings)) {
		for _, f := range warnings[target] {
			o.env.Note("%s: %s: %s", target, f.Check, f.Message)
		}
	}
	var sums []string
	for _, change := range slices.Sorted(maps.Keys(counts)) {
		sums = append(sums, fmt.Sprintf("%s %d", change, counts[change]))
	}
	o.env.Note("%s", strings.Join(sums, ", "))
	o.env.SayFailures(failures)
	if verdict := cli.Verdict(len(results), failures); verdict != nil {
		verdict.Err = printed
		return verdict
	}
	return printed
}

// shownPaths are how many fields of an object a table names.
const shownPaths = 3

// whyChanged is what a table says of a change.
func whyChanged(c *v1alpha1.RestoreChange) string {
	var texts []string
	if c.Why != "" {
		texts = append(texts, c.Why)
	}
	if n := len(c.Paths); n > 0 {
		paths := strings.Join(c.Paths[:min(n, shownPaths)], ", ")
		if n > shownPaths {
			paths += fmt.Sprintf(" and %d more", n-shownPaths)
		}
		texts = append(texts, "it differs in "+paths)
	}
	return strings.Join(texts, "; ")
}
