package fleetbackup

import (
	"fmt"
	"io"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// printSets prints sets as data, or a row for each.
func printSets(env *cli.Env, output cli.Output, sets []*v1alpha1.BackupExecution, failures []fanout.Failure) error {
	if !output.Format.IsTable() {
		items := make([]metav1.Object, len(sets))
		for i, e := range sets {
			items[i] = e
		}
		return cli.PrintItems(env, output, items, failures)
	}
	if len(sets) == 0 {
		return nil
	}
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Set", "Policy", "State", "Members", "Frozen", "Barrier", "Cut", "Age", "Expires", "Why")}
	for _, e := range sets {
		s := e.Status
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			e.Name, e.Spec.Policy.Name, stateOf(e), membersIn(e), span(s.FrozenMillis), span(s.BarrierWidthMillis), span(s.CutSpanMillis),
			age(s.Started), date(s.Expires), printers.OrNone(whyOf(e)),
		}})
	}
	return printers.Table(env.Out, table, output.Table())
}

// whyOf is why a set is no better, or why it is none yet.
func whyOf(e *v1alpha1.BackupExecution) string {
	if p := e.Status.Phase; p != v1alpha1.BackupSealed && p != v1alpha1.BackupAborted {
		return "it has not come to its end: somebody is at work on it, or recover ends it"
	}
	return strings.Join(e.Status.Why, "; ")
}

// stateOf is a set's grade, or how far its run is.
func stateOf(e *v1alpha1.BackupExecution) string {
	if e.Status.Grade != "" {
		return string(e.Status.Grade)
	}
	return string(e.Status.Phase)
}

// membersIn is how many members are in the set, of all.
func membersIn(e *v1alpha1.BackupExecution) string {
	in := 0
	for _, m := range e.Status.Members {
		if m.Missing == "" {
			in++
		}
	}
	return fmt.Sprintf("%d/%d", in, len(e.Status.Members))
}

func span(millis *int64) string {
	if millis == nil {
		return printers.None
	}
	return (time.Duration(*millis) * time.Millisecond).String()
}

func age(at metav1.Time) string {
	if at.IsZero() {
		return printers.None
	}
	return duration.HumanDuration(time.Since(at.Time))
}

func date(at metav1.Time) string {
	if at.IsZero() {
		return printers.None
	}
	return at.UTC().Format(time.DateOnly)
}

// showPlan shows what is about to be made, a row for each member.
func showPlan(w io.Writer, plan *backup.Plan, o printers.TableOptions) error {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Velero", "Location", "Holds", "Volumes", "Cut", "Said")}
	for i := range plan.Members {
		m := &plan.Members[i]
		cells := []any{m.Cluster, printers.None, printers.None, len(m.Member.Holds), len(m.Member.Volumes), m.CutBudget.String(), printers.OrNone(saidOf(m))}
		if m.Member.VeleroVersion != "" {
			cells[1] = m.Member.VeleroVersion
		}
		if l := m.Member.Location; l.Name != "" {
			cells[2] = strings.TrimSuffix(l.Bucket+"/"+l.Prefix, "/")
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: cells})
	}
	if err := printers.Table(w, table, o); err != nil {
		return err
	}
	if len(plan.Policy.Spec.Quiesce) == 0 {
		_, err := fmt.Fprintf(w, "set %s: nothing is held still\n", plan.Name)
		return err
	}
	_, err := fmt.Fprintf(w, "set %s: frozen for about %s, at most %s\n", plan.Name, plan.CutBudget, plan.Policy.Spec.MaxFreeze.Duration)
	return err
}

// saidOf are a member's refusals and warnings, in one line.
func saidOf(m *backup.PlannedMember) string {
	var said []string
	if out := m.Out(); out != nil {
		text := strings.ReplaceAll(out.Error(), "\n", "; ")
		if !m.Required {
			text = "left out: " + text
		}
		said = append(said, text)
	}
	for _, f := range m.Warnings {
		said = append(said, f.Check+": "+f.Message)
	}
	return strings.Join(said, "; ")
}

// printPlan is what a dry run prints: the run as its journal would begin.
func printPlan(env *cli.Env, output cli.Output, plan *backup.Plan, settings backup.Settings) error {
	if output.Format.IsTable() {
		return showPlan(env.Out, plan, output.Table())
	}
	e := plan.Execution(settings)
	return cli.PrintItems(env, output, []metav1.Object{&e}, nil)
}
