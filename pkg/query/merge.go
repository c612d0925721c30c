package query

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// missingCell stands where a cluster's table has no such column.
const missingCell = "<none>"

// part is rows of one cluster under that cluster's own columns.
type part struct {
	cluster string
	columns []metav1.TableColumnDefinition
	rows    []row
}

type row struct {
	namespace string
	cells     []any
	// key is there if the rows are sorted.
	key *sortKey
	// watched is there if the row is of a watch.
	watched *watchedRow
}

// watchedRow is what a watch knows of a row beside its cells.
type watchedRow struct {
	name     string
	event    watch.EventType
	resource member.Resource
	// object is there if whole objects are watched.
	object *unstructured.Unstructured
}

// after is the row as an event left it.
func (r row) after(event watch.EventType) row {
	watched := *r.watched
	watched.event = event
	r.watched = &watched
	return r
}

// sortRows puts rows of a watch into the order of namespaces and names. (The stable sort is
// the smaller program.)
func sortRows(rows []row) {
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.watched.name, b.watched.name))
	})
}

// Columns that merge puts before those of the servers.
const (
	clusterColumn   = "Cluster"
	namespaceColumn = "Namespace"
	eventColumn     = "Event"
)

// layout is what a merged table shows beside the servers' columns.
type layout struct {
	cluster, namespace, event bool
}

// merger puts the tables of several clusters under one header, in the order
// given. Columns are the same if they have the same name, whatever their place:
// clusters of different versions, or with different versions of a CRD, line up.
// What is merged later keeps to the columns of what was merged before.
type merger struct {
	layout layout
	union  []column
}

// merge lays out rows of these parts.
func (m *merger) merge(parts []part, rows []placedRow) *metav1.Table {
	m.union = columnUnion(m.union, parts)
	table := &metav1.Table{}
	if m.layout.event {
		table.ColumnDefinitions = append(table.ColumnDefinitions, metav1.TableColumnDefinition{Name: eventColumn, Type: "string"})
	}
	if m.layout.cluster {
		table.ColumnDefinitions = append(table.ColumnDefinitions, metav1.TableColumnDefinition{Name: clusterColumn, Type: "string"})
	}
	if m.layout.namespace {
		table.ColumnDefinitions = append(table.ColumnDefinitions, metav1.TableColumnDefinition{Name: namespaceColumn, Type: "string"})
	}
	leading := len(table.ColumnDefinitions)
	for _, c := range m.union {
		table.ColumnDefinitions = append(table.ColumnDefinitions, c.definition)
	}
	places := make([][]int, len(parts))
	for i, p := range parts {
		places[i] = placesIn(m.union, p.columns)
	}
	table.Rows = make([]metav1.TableRow, 0, len(rows))
	width := len(table.ColumnDefinitions)
	all := make([]any, len(rows)*width) // at once, for there may be a million
	// Made once a part, and not once a row.
	names := make([]any, len(parts))
	for i, p := range parts {
		names[i] = p.cluster
	}
	var namespace, missing any = "", missingCell
	for i, r := range rows {
		cells := all[i*width : i*width : (i+1)*width]
		if m.layout.event {
			cells = append(cells, fmt.Sprintf("%-*s", len(watch.Modified), r.watched.event)) // the longest may come later
		}
		if m.layout.cluster {
			cells = append(cells, names[r.part])
		}
		if m.layout.namespace {
			if r.namespace != namespace {
				namespace = r.namespace
			}
			cells = append(cells, namespace)
		}
		for range m.union {
			cells = append(cells, missing)
		}
		for i, place := range places[r.part] {
			cells[leading+place] = nil // the column is there: an empty cell is empty
			if i < len(r.cells) {
				cells[leading+place] = r.cells[i]
			}
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: cells})
	}
	return table
}

// placedRow is a row and the part it is of.
type placedRow struct {
	part int
	*row
}

// inOrder lists the rows of all parts: in their order or, sorted, by their keys.
// Rows of equal keys keep the order of their parts.
func inOrder(parts []part, sorted bool) []placedRow {
	count := 0
	for _, p := range parts {
		count += len(p.rows)
	}
	rows := make([]placedRow, 0, count)
	for i, p := range parts {
		for j := range p.rows {
			rows = append(rows, placedRow{part: i, row: &p.rows[j]})
		}
	}
	if sorted {
		slices.SortStableFunc(rows, func(a, b placedRow) int { return a.key.compare(*b.key) })
	}
	return rows
}

// column identifies a column over clusters. A table may have two of one name;
// the second of one table is the second of another.
type column struct {
	name       string
	occurrence int
	definition metav1.TableColumnDefinition
}

func (c column) same(other column) bool {
	return c.name == other.name && c.occurrence == other.occurrence
}

// columnUnion adds every column of any part to a union: the first part's in its
// order, and those that others add behind the column they stand behind there. A
// column that any cluster shows without -o wide is shown.
func columnUnion(union []column, parts []part) []column {
	union = slices.Clone(union)
	for _, p := range parts {
		behind := -1
		for _, c := range named(p.columns) {
			at := slices.IndexFunc(union, c.same)
			if at < 0 {
				at = behind + 1
				union = slices.Insert(union, at, c)
			}
			union[at].definition.Priority = min(union[at].definition.Priority, c.definition.Priority)
			behind = at
		}
	}
	return union
}

// placesIn finds each column of one table in the union.
func placesIn(union []column, definitions []metav1.TableColumnDefinition) []int {
	columns := named(definitions)
	places := make([]int, len(columns))
	for i, c := range columns {
		places[i] = slices.IndexFunc(union, c.same)
	}
	return places
}

func named(definitions []metav1.TableColumnDefinition) []column {
	columns := make([]column, len(definitions))
	seen := map[string]int{}
	for i, d := range definitions {
		columns[i] = column{name: d.Name, occurrence: seen[d.Name], definition: d}
		seen[d.Name]++
	}
	return columns
}
