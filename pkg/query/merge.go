package query

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
}

// Columns that merge puts before those of the servers.
const (
	clusterColumn   = "Cluster"
	namespaceColumn = "Namespace"
)

// merge puts the tables of several clusters under one header, in the order
// given. Columns are the same if they have the same name, whatever their place:
// clusters of different versions, or with different versions of a CRD, line up.
func merge(parts []part, withNamespace bool) *metav1.Table {
	union := columnUnion(parts)
	table := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{{Name: clusterColumn, Type: "string"}}}
	if withNamespace {
		table.ColumnDefinitions = append(table.ColumnDefinitions, metav1.TableColumnDefinition{Name: namespaceColumn, Type: "string"})
	}
	leading := len(table.ColumnDefinitions)
	for _, c := range union {
		table.ColumnDefinitions = append(table.ColumnDefinitions, c.definition)
	}
	for _, p := range parts {
		places := placesIn(union, p.columns)
		for _, r := range p.rows {
			cells := make([]any, len(table.ColumnDefinitions))
			cells[0] = p.cluster
			if withNamespace {
				cells[1] = r.namespace
			}
			for i := range union {
				cells[leading+i] = missingCell
			}
			for i, place := range places {
				cells[leading+place] = nil // the column is there: an empty cell is empty
				if i < len(r.cells) {
					cells[leading+place] = r.cells[i]
				}
			}
			table.Rows = append(table.Rows, metav1.TableRow{Cells: cells})
		}
	}
	return table
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

// columnUnion is every column of any part: the first part's in its order, and
// those that others add behind the column they stand behind there. A column
// that any cluster shows without -o wide is shown.
func columnUnion(parts []part) []column {
	var union []column
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
