package fleet

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// conclude says what could not be compared and chooses the exit code. printed is
// the error of printing.
func (o *diffOptions) conclude(c v1alpha1.Comparison, report query.Report, printed error) error {
	for _, absent := range report.Absent {
		if absent.Everywhere {
			sayNowhere(o.env, absent, report)
		}
	}
	o.env.SayFailures(report.Failures)
	verdict := cli.Verdict(report.Asked, report.Failures)
	switch {
	case len(c.Groups) == 0:
		verdict = &cli.Error{Code: cli.ExitNotCompared}
	case report.Asked == 1:
		return &cli.Error{Code: cli.ExitNotCompared, Err: cmp.Or(printed, fmt.Errorf("%s is the only cluster asked: there is nothing to compare it with", c.Groups[0].Clusters[0]))}
	case verdict == nil && (!c.Agree || printed != nil):
		verdict = &cli.Error{Code: cli.ExitFailed}
	case verdict == nil:
		return nil
	}
	verdict.Err = printed
	return verdict
}

func (o *diffOptions) write(c v1alpha1.Comparison, report query.Report) error {
	if o.output.Format.IsTable() {
		table := o.output.Table()
		return printers.Table(o.env.Out, comparisonTable(c, report.Failures, table.Wide), table)
	}
	printer, err := o.output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	if len(c.Groups) > 0 {
		data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&c)
		if err != nil {
			return err
		}
		if err := printer.Print("", &unstructured.Unstructured{Object: data}); err != nil {
			return err
		}
	}
	return printer.Close(cli.APIFailures(report.Failures))
}

// comparisonTable has a row for each group without differences, one for each
// difference, and one for the clusters that failed for one reason. Without a
// comparison it has none.
func comparisonTable(c v1alpha1.Comparison, failures []fanout.Failure, wide bool) *metav1.Table {
	table := &metav1.Table{}
	for _, name := range []string{"Clusters", "Field", "Reference", "Value"} {
		table.ColumnDefinitions = append(table.ColumnDefinitions, metav1.TableColumnDefinition{Name: name, Type: "string"})
	}
	add := func(cells ...any) { table.Rows = append(table.Rows, metav1.TableRow{Cells: cells}) }
	for _, group := range c.Groups {
		clusters := strings.Join(group.Clusters, ",")
		switch {
		case c.Agree && len(failures) == 0 && len(group.Clusters) > 1:
			add(clusters, "<all agree>")
		case c.Agree && len(group.Clusters) > 1:
			add(clusters, "<agree>")
		case group.Reference:
			add(clusters, "<reference>")
		case group.Absent:
			add(clusters, "<absent>")
		}
		for _, d := range group.Differences {
			field := d.Path
			if d.Order {
				field += " (order)"
			}
			reference, value := shownValues(d, wide)
			add(clusters, field, reference, value)
		}
	}
	if len(c.Groups) == 0 {
		return table
	}
	failed := map[member.Reason][]string{}
	for _, f := range failures {
		reason := member.ReasonOf(f.Err)
		failed[reason] = append(failed[reason], f.Cluster)
	}
	for _, reason := range slices.Sorted(maps.Keys(failed)) {
		add(strings.Join(failed[reason], ","), "<"+string(reason)+">")
	}
	return table
}

// enoughToSee is how much of a value the table shows, where it is not wide.
const enoughToSee = 48

// shownValues are both values of a difference on one line each. Of texts of
// several lines it is the first that differs.
func shownValues(d v1alpha1.Difference, wide bool) (reference, value string) {
	a, isTextA := d.Reference.(string)
	b, isTextB := d.Value.(string)
	if isTextA && isTextB && strings.Contains(a+b, "\n") {
		linesA, linesB := strings.Split(a, "\n"), strings.Split(b, "\n")
		i := 0
		for i < min(len(linesA), len(linesB)) && linesA[i] == linesB[i] {
			i++
		}
		return shownLine(linesA, i, wide), shownLine(linesB, i, wide)
	}
	return shown(d.Reference, wide), shown(d.Value, wide)
}

func shownLine(lines []string, i int, wide bool) string {
	if i == len(lines) {
		return fmt.Sprintf("(ends after line %d)", i)
	}
	return fmt.Sprintf("(line %d) %s", i+1, shown(lines[i], wide))
}

func shown(value any, wide bool) string {
	text, isText := value.(string)
	switch {
	case value == nil:
		return "<none>"
	case !isText || text == "" || strings.ContainsAny(text, "\n\r\f"):
		text = compactJSON(value)
	}
	if runes := []rune(text); !wide && len(runes) > enoughToSee {
		return string(runes[:enoughToSee-1]) + "…"
	}
	return text
}

func compactJSON(value any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // it is for people
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSpace(text.String())
}
