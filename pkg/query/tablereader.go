package query

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

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
	case t.withNamespace(resource), t.withLabels():
		return metav1.IncludeMetadata
	}
	return metav1.IncludeNone
}

func (t *tableReader) withNamespace(resource member.Resource) bool {
	return t.request.AllNamespaces && resource.Namespaced
}

func (t *tableReader) withLabels() bool {
	return len(t.request.Columns.Labels) > 0 || t.request.Columns.AllLabels
}

// add appends a page to its item.
func (t *tableReader) add(a answer[*metav1.Table]) error {
	p := &t.tables.items[a.item]
	t.tables.namespaced[a.item] = a.resource.Namespaced
	p.cluster = t.cluster
	if p.columns == nil {
		p.columns = t.columns(a.page.ColumnDefinitions)
	}
	servers := len(p.columns) - len(t.labelColumns())
	prefix := ""
	if len(t.request.Items) > 1 || t.request.Columns.Kind {
		prefix = strings.ToLower(a.resource.GroupKind().String()) + "/"
	}
	for _, tableRow := range a.page.Rows {
		if t.request.enough(t.tables.got) {
			return errEnough
		}
		got := row{cells: tableRow.Cells}
		prefixName(p.columns, got.cells, prefix)
		if t.withNamespace(a.resource) || t.withLabels() {
			meta, err := member.RowMeta(tableRow)
			if err != nil {
				return &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
			}
			got.namespace = meta.Namespace
			got.cells = append(fit(got.cells, servers), t.labelCells(meta.Labels)...)
		}
		if t.sorter != nil {
			object, err := member.RowObject(tableRow)
			if err != nil {
				return &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
			}
			got.key = t.sorter.key(object)
		}
		p.rows = append(p.rows, got)
		t.tables.got++
	}
	return nil
}

func (t *tableReader) columns(servers []metav1.TableColumnDefinition) []metav1.TableColumnDefinition {
	return append(slices.Clip(servers), t.labelColumns()...)
}

// labelColumns are headed as in kubectl: by the last part of the label's key.
func (t *tableReader) labelColumns() []metav1.TableColumnDefinition {
	var columns []metav1.TableColumnDefinition
	for _, key := range t.request.Columns.Labels {
		columns = append(columns, metav1.TableColumnDefinition{Name: key[strings.LastIndex(key, "/")+1:], Type: "string"})
	}
	if t.request.Columns.AllLabels {
		columns = append(columns, metav1.TableColumnDefinition{Name: "Labels", Type: "string"})
	}
	return columns
}

func (t *tableReader) labelCells(of map[string]string) []any {
	var cells []any
	for _, key := range t.request.Columns.Labels {
		cells = append(cells, of[key])
	}
	if t.request.Columns.AllLabels {
		cells = append(cells, labels.FormatLabels(of))
	}
	return cells
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
