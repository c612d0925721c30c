package fleetbackup

import (
	"cmp"
	"fmt"
	"io"
	"slices"
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
			age(s.Started), instant(s.Expires), printers.OrNone(whyOf(e)),
		}})
	}
	return printers.Table(env.Out, table, output.Table())
}

// whyOf is why a set is no better, or why it is none yet.
func whyOf(e *v1alpha1.BackupExecution) string {
	switch p := e.Status.Phase; {
	case p == v1alpha1.BackupAborted && len(e.Status.Why) == 0:
		return "its run ended before there were backups, and everything was released"
	case p != v1alpha1.BackupSealed && p != v1alpha1.BackupAborted:
		return "it has not come to its end: somebody is at work on it, or recover ends it"
	}
	return strings.Join(e.Status.Why, "; ")
}

// stateOf is a set's grade, or how far its run is.
func stateOf(e *v1alpha1.BackupExecution) string {
	if e.Status.Grade != "" {
		return gradeText(e.Status.Grade, e.Status.Covers)
	}
	return string(e.Status.Phase)
}

// gradeText is a set's grade, and what it is of if not of all.
func gradeText(grade v1alpha1.BackupGrade, covers v1alpha1.BackupCut) string {
	if covers == v1alpha1.CutVolumes {
		return string(grade) + " (volumes)"
	}
	return string(grade)
}

// membersIn is how many members are in the set, of all. A run that came to no set has
// none in it.
func membersIn(e *v1alpha1.BackupExecution) string {
	in := 0
	for _, m := range e.Status.Members {
		if m.Missing == "" && e.Status.Phase != v1alpha1.BackupAborted {
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

// instant is a time to the second: a day alone hides that it is in an hour.
func instant(at metav1.Time) string {
	if at.IsZero() {
		return printers.None
	}
	return at.UTC().Format(time.RFC3339)
}

// counted is such as "1 hold" or "2 holds".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// showPlan shows what is about to be made: a row for each member, and one for each thing
// that is held still, with the commands that are run in it.
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
	if err := showHolds(w, plan, o); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "set %s: frozen for about %s, at most %s\n", plan.Name, plan.CutBudget, plan.Policy.Spec.MaxFreeze.Duration)
	return err
}

// showHolds shows what is held still, and what is run there.
func showHolds(w io.Writer, plan *backup.Plan, o printers.TableOptions) error {
	spec := &plan.Policy.Spec
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Wave", "Cluster", "Held", "Freeze", "Probe", "Release")}
	for i := range plan.Members {
		m := &plan.Members[i]
		if m.Out() != nil {
			continue
		}
		for _, h := range m.Member.Holds {
			held, freeze, probe, release := does(h, spec.Quiesce[h.Wave].Actions[h.Action])
			table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{h.Wave + 1, m.Cluster, held, freeze, printers.OrNone(probe), release}})
		}
	}
	slices.SortStableFunc(table.Rows, func(a, b metav1.TableRow) int { return cmp.Compare(a.Cells[0].(int), b.Cells[0].(int)) })
	if err := printers.Table(w, table, o); err != nil {
		return err
	}
	if c := spec.Canary; c != nil {
		_, err := fmt.Fprintf(w, "while all is still: %s WORD in a pod of namespace %s with %s\n", printers.Escape(commandText(c.Write)), c.Namespace, c.Selector)
		return err
	}
	return nil
}

// does is what an action does to what it holds.
func does(h v1alpha1.Hold, a v1alpha1.QuiesceAction) (held, freeze, probe, release string) {
	held = strings.TrimPrefix(h.Namespace+"/"+h.Name, "/")
	switch {
	case a.Exec != nil:
		return held + " (" + h.Container + ")", commandText(a.Exec.Freeze), commandText(a.Exec.Probe), commandText(a.Exec.Release)
	case a.Scale != nil:
		return strings.ToLower(a.Scale.Kind) + " " + held, fmt.Sprintf("scale to %d", a.Scale.To), "", "scale back"
	case a.Patch != nil:
		return strings.ToLower(a.Patch.Kind) + " " + held, "patch " + string(a.Patch.Freeze.Raw), a.Patch.Until, "patch back"
	}
	return held, "", "", ""
}

// commandText is a command as a shell takes it.
func commandText(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = cli.ShellWord(word)
	}
	return strings.Join(quoted, " ")
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
	env.Note("%s stands for the set's name, which the run chooses: %s and four characters", plan.Name, plan.Policy.Name)
	if output.Format.IsTable() {
		return showPlan(env.Out, plan, output.Table())
	}
	e := plan.Execution(settings)
	return cli.PrintItems(env, output, []metav1.Object{&e}, nil)
}
