package fleetbackup

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// showRestorePlan shows a plan as a person reads it: what goes where, in which order,
// and what a look at the targets has found.
func showRestorePlan(w io.Writer, x *v1alpha1.RestoreExecution, warnings map[string][]v1alpha1.BackupFinding, options printers.TableOptions) error {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Wave", "Member", "Target", "Backup", "Namespaces", "Volumes")}
	for _, m := range x.Spec.Members {
		names := make([]string, len(m.Namespaces))
		for i, name := range m.Namespaces {
			names[i] = name
			if to := x.Spec.NamespaceMappings[name]; to != "" {
				names[i] += " -> " + to
			}
		}
		namespaces := strings.Join(names, ", ")
		if m.Namespaces == nil {
			namespaces = "those of the backup"
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{m.Wave, m.Source, m.Target, m.Backup, namespaces, len(m.Volumes)}})
	}
	if err := printers.Table(w, table, options); err != nil {
		return err
	}
	lines := []string{fmt.Sprintf("set %s is %s", x.Spec.Set, gradeText(x.Spec.Grade, x.Spec.Covers))}
	if out := x.Spec.LeftOut; len(out) > 0 {
		lines[0] += fmt.Sprintf("; %d of %d members are restored, without %s", len(x.Spec.Members), len(x.Spec.Members)+len(out), strings.Join(out, ", "))
	}
	lines = append(lines, warningTexts(warnings)...)
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, printers.Escape(line)); err != nil {
			return err
		}
	}
	return nil
}

// warningTexts are what a look at the targets has found, a line for each.
func warningTexts(warnings map[string][]v1alpha1.BackupFinding) []string {
	var lines []string
	for _, target := range slices.Sorted(maps.Keys(warnings)) {
		for _, f := range warnings[target] {
			lines = append(lines, fmt.Sprintf("%s: %s: %s", target, f.Check, f.Message))
		}
	}
	return lines
}

// printRestore prints what a restore has come to.
func printRestore(env *cli.Env, output cli.Output, x *v1alpha1.RestoreExecution, failures []fanout.Failure) error {
	if !output.Format.IsTable() {
		return cli.PrintItems(env, output, []metav1.Object{x}, failures)
	}
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Member", "Target", "Phase", "Restore", "Velero", "Items", "Objects", "Took", "Why")}
	for _, p := range x.Status.Members {
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			p.Source, p.Target, string(p.Phase), p.Restore.Name, printers.OrNone(p.Restore.Phase), fmt.Sprintf("%d/%d", p.Restore.Items, p.Restore.Total),
			p.Objects, took(p.Stages), printers.OrNone(p.Why),
		}})
	}
	if err := printers.Table(env.Out, table, output.Table()); err != nil {
		return err
	}
	for _, p := range x.Status.Members {
		if p.Kept != nil && p.Kept.Unknown != "" {
			env.Note("%s: what was there already may differ from the backup, which is not known: %s", p.Target, p.Kept.Unknown)
		}
	}
	if x.Status.RTOMillis != nil {
		what := "all of " + x.Spec.Set + " is"
		if in, out := len(x.Spec.Members), len(x.Spec.LeftOut); out > 0 {
			what = fmt.Sprintf("%d of %d members of %s are", in, in+out, x.Spec.Set)
		}
		text := fmt.Sprintf("%s: %s ready after %s", x.Name, what, milliseconds(*x.Status.RTOMillis))
		if x.Status.CanaryMatches != nil && *x.Status.CanaryMatches {
			text += "; every member has the word of the set"
		}
		env.Note("%s", text)
	}
	return nil
}

// took is such as "restore 4s, start 12s".
func took(stages []v1alpha1.RestoreStage) string {
	texts := make([]string, len(stages))
	for i, s := range stages {
		texts[i] = strings.ToLower(s.Name) + " " + milliseconds(s.Millis)
	}
	return printers.OrNone(strings.Join(texts, ", "))
}

func milliseconds(n int64) string {
	d := time.Duration(n) * time.Millisecond
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return duration.HumanDuration(d)
}
