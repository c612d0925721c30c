package query

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// tableReader makes rows of one cluster's pages.
type tableReader struct {
	tables  *clusterTables
	cluster string
	request Request
	sorter  *sorter // nil without --sort-by
}

// include is the least of its object that a row must carry. Metadata is most of
// a table's bytes, and needed only for what no cell says.
func (t *tableReader) include(resource member.Resource) member.IncludeObject {
	switch {
	case t.sorter != nil:
		return metav1.IncludeObject
	case t.withNamespace(resource), t.request.Columns.withLabels():
		return metav1.IncludeMetadata
	}
	return metav1.IncludeNone
}

func (t *tableReader) withNamespace(resource member.Resource) bool {
	return t.request.AllNamespaces && resource.Namespaced
}

// add appends a page to its item.
func (t *tableReader) add(a answer[*metav1.Table]) error {
	p := &t.tables.items[a.item]
	t.tables.namespaced[a.item] = a.resource.Namespaced
	p.cluster = t.cluster
	if p.columns == nil {
		p.columns = t.request.Columns.behind(a.page.ColumnDefinitions)
	}
	servers := len(p.columns) - len(t.request.Columns.labelColumns())
	prefix := ""
	if len(t.request.Items) > 1 || t.request.Columns.Kind {
		prefix = strings.ToLower(a.resource.GroupKind().String()) + "/"
	}
	p.rows = slices.Grow(p.rows, len(a.page.Rows))
	for _, tableRow := range a.page.Rows {
		if t.request.enough(t.tables.got) {
			return errEnough
		}
		got := row{cells: tableRow.Cells}
		prefixName(p.columns, got.cells, prefix)
		if t.withNamespace(a.resource) || t.request.Columns.withLabels() {
			meta, err := member.RowMeta(tableRow)
			if err != nil {
				return &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
			}
			got.namespace = meta.Namespace
			if labels := t.request.Columns.labelCells(meta.Labels); len(labels) > 0 {
				got.cells = append(fit(got.cells, servers), labels...)
			}
		}
		if t.sorter != nil {
			object, err := member.RowObject(tableRow)
			if err != nil {
				return &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
			}
			key := t.sorter.key(object)
			got.key = &key
		}
		p.rows = append(p.rows, got)
		t.tables.got++
	}
	return nil
}

// fit makes a row exactly as wide as its columns.
func fit(cells []any, width int) []any {
	fitted := make([]any, width)
	copy(fitted, cells)
	return fitted
}

// prefixName marks names with their kind, as kubectl does.
func prefixName(columns []metav1.TableColumnDefinition, cells []any, prefix string) {
	if prefix == "" {
		return
	}
	for i, c := range columns {
		if c.Format == "name" && i < len(cells) {
			if name, is := cells[i].(string); is {
				cells[i] = prefix + name
			}
			return
		}
	}
}
