package query

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// columns reads "Name Phase/1": columns, a priority behind the slash.
func columns(text string) []metav1.TableColumnDefinition {
	var definitions []metav1.TableColumnDefinition
	for field := range strings.FieldsSeq(text) {
		name, priority, _ := strings.Cut(field, "/")
		d := metav1.TableColumnDefinition{Name: name}
		_, _ = fmt.Sscan(priority, &d.Priority)
		definitions = append(definitions, d)
	}
	return definitions
}

// drawn is a table as lines of cells.
func drawn(t *metav1.Table) []string {
	var header []string
	for _, c := range t.ColumnDefinitions {
		text := c.Name
		if c.Priority != 0 {
			text += fmt.Sprintf("/%d", c.Priority)
		}
		header = append(header, text)
	}
	lines := []string{strings.Join(header, " ")}
	for _, r := range t.Rows {
		var cells []string
		for _, c := range r.Cells {
			cells = append(cells, fmt.Sprint(c))
		}
		lines = append(lines, strings.Join(cells, " "))
	}
	return lines
}

func TestMerge(t *testing.T) {
	for _, tc := range []struct {
		what          string
		parts         []part
		withNamespace bool
		want          []string
	}{
		{"equal columns", []part{
			{"a", columns("Name Age"), []row{{namespace: "", cells: []any{"x", "1d"}}}},
			{"b", columns("Name Age"), []row{{namespace: "", cells: []any{"y", "2d"}}, {namespace: "", cells: []any{"z", "3d"}}}},
		}, false, []string{"Cluster Name Age", "a x 1d", "b y 2d", "b z 3d"}},
		{"a newer CRD has a column more, between the others", []part{
			{"a", columns("Name Phase Age"), []row{{namespace: "", cells: []any{"x", "ok", "1d"}}}},
			{"b", columns("Name Phase Region Age"), []row{{namespace: "", cells: []any{"y", "ok", "eu", "2d"}}}},
		}, false, []string{"Cluster Name Phase Region Age", "a x ok <none> 1d", "b y ok eu 2d"}},
		{"an empty cell is no missing column", []part{
			{"a", columns("Name Message Age"), []row{{namespace: "", cells: []any{"x", "", "1d"}}}},
		}, false, []string{"Cluster Name Message Age", "a x  1d"}},
		{"the same columns in another order", []part{
			{"a", columns("Name Phase Age"), []row{{namespace: "", cells: []any{"x", "ok", "1d"}}}},
			{"b", columns("Age Name Phase"), []row{{namespace: "", cells: []any{"2d", "y", "bad"}}}},
		}, false, []string{"Cluster Name Phase Age", "a x ok 1d", "b y bad 2d"}},
		{"two columns of one name", []part{
			{"a", columns("Name Ready Ready"), []row{{namespace: "", cells: []any{"x", "1", "2"}}}},
			{"b", columns("Name Ready"), []row{{namespace: "", cells: []any{"y", "3"}}}},
		}, false, []string{"Cluster Name Ready Ready", "a x 1 2", "b y 3 <none>"}},
		{"shown if any cluster shows it", []part{
			{"a", columns("Name IP/1"), []row{{namespace: "", cells: []any{"x", "10"}}}},
			{"b", columns("Name IP"), []row{{namespace: "", cells: []any{"y", "11"}}}},
		}, false, []string{"Cluster Name IP", "a x 10", "b y 11"}},
		{"namespaces", []part{
			{"a", columns("Name"), []row{{namespace: "n1", cells: []any{"x"}}, {namespace: "n2", cells: []any{"x"}}}},
		}, true, []string{"Cluster Namespace Name", "a n1 x", "a n2 x"}},
		{"a row too short and one too long", []part{
			{"a", columns("Name Age"), []row{{namespace: "", cells: []any{"x"}}, {namespace: "", cells: []any{"y", "1d", "stray"}}}},
		}, false, []string{"Cluster Name Age", "a x <nil>", "a y 1d"}},
		{"a cluster without rows gives no columns", []part{
			{"a", nil, nil},
			{"b", columns("Name"), []row{{namespace: "", cells: []any{"y"}}}},
		}, false, []string{"Cluster Name", "b y"}},
	} {
		got := drawn((&merger{layout: layout{cluster: true, namespace: tc.withNamespace}}).merge(tc.parts, inOrder(tc.parts, false)))
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.what, diff)
		}
	}
}

// A cluster that answers late goes below those already shown, under their
// header where it fits.
func TestMergeLater(t *testing.T) {
	m := &merger{layout: layout{cluster: true}}
	merge := func(parts []part) []string { return drawn(m.merge(parts, inOrder(parts, false))) }
	first := merge([]part{{"a", columns("Name Phase Age"), []row{{cells: []any{"x", "ok", "1d"}}}}})
	second := merge([]part{{"b", columns("Age Name"), []row{{cells: []any{"2d", "y"}}}}})
	third := merge([]part{{"c", columns("Name Region Phase Age"), []row{{cells: []any{"z", "eu", "bad", "3d"}}}}})
	for i, want := range [][]string{
		{"Cluster Name Phase Age", "a x ok 1d"},
		{"Cluster Name Phase Age", "b y <none> 2d"},
		{"Cluster Name Region Phase Age", "c z eu bad 3d"},
	} {
		if diff := cmp.Diff(want, [][]string{first, second, third}[i]); diff != "" {
			t.Errorf("%d (-want +got):\n%s", i, diff)
		}
	}
}

// Whatever the columns of two clusters, each row's value must stand under its
// own column's name, and no value may be lost.
func FuzzMerge(f *testing.F) {
	f.Add("Name Age", "Name Region Age")
	f.Add("A A B", "B A A A")
	f.Add("", "X")
	f.Fuzz(func(t *testing.T, first, second string) {
		var parts []part
		for cluster, text := range map[string]string{"a": first, "b": second} {
			p := part{cluster: cluster}
			r := row{}
			for field := range strings.FieldsSeq(text) {
				p.columns = append(p.columns, metav1.TableColumnDefinition{Name: field})
				r.cells = append(r.cells, cluster+":"+field)
			}
			p.rows = []row{r}
			parts = append(parts, p)
		}
		table := (&merger{layout: layout{cluster: true}}).merge(parts, inOrder(parts, false))
		for i, p := range parts {
			seen := 0
			for j, cell := range table.Rows[i].Cells[1:] {
				text, is := cell.(string)
				if !is || text == missingCell {
					continue
				}
				seen++
				if want := p.cluster + ":" + table.ColumnDefinitions[j+1].Name; text != want {
					t.Errorf("%q stands under %s", text, table.ColumnDefinitions[j+1].Name)
				}
			}
			if seen != len(p.columns) {
				t.Errorf("%d of %d values of %s are there", seen, len(p.columns), p.cluster)
			}
		}
	})
}
