package query

import (
	"context"
	"iter"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Report is what a query has to say beside its result.
type Report struct {
	// Asked is how many clusters were asked.
	Asked int
	// Failures are the clusters that failed, in the order asked.
	Failures []fanout.Failure
	// Absent is what was asked for and is missing in clusters that answered.
	Absent []Absence
}

// Tables asks every cluster for the server's own tables and merges them, one
// table for each item of the request. A cluster that fails halfway keeps its
// rows, and its failure counts them.
func Tables(ctx context.Context, f Fleet, r Request) ([]*metav1.Table, Report) {
	results := ask(ctx, f, func(ctx context.Context, m *member.Member) (*clusterTables, error) {
		got := &clusterTables{items: make([]part, len(r.Items)), namespaced: make([]bool, len(r.Items))}
		err := got.fill(ctx, m, r)
		return got, err
	})

	report := Report{Asked: len(results)}
	byItem := make([][]part, len(r.Items))
	withNamespace := make([]bool, len(r.Items))
	var clusters []answered
	for _, result := range results {
		got := result.Value
		if result.Err == nil {
			clusters = append(clusters, answered{cluster: result.Cluster, missing: got.missing})
		}
		if got == nil {
			continue
		}
		for i, p := range got.items {
			byItem[i] = append(byItem[i], p)
			withNamespace[i] = withNamespace[i] || (got.namespaced[i] && r.AllNamespaces)
		}
	}
	report.Failures = results.Failures((*clusterTables).rows)
	report.Absent = absences(r, clusters)

	tables := make([]*metav1.Table, len(r.Items))
	for i := range r.Items {
		tables[i] = merge(byItem[i], withNamespace[i])
	}
	return tables, report
}

// clusterTables is what one cluster gave: a part for each item.
type clusterTables struct {
	items      []part
	namespaced []bool
	missing    []absence
}

func (t *clusterTables) rows() int {
	if t == nil {
		return 0
	}
	n := 0
	for _, p := range t.items {
		n += len(p.rows)
	}
	return n
}

func (t *clusterTables) fill(ctx context.Context, m *member.Member, r Request) (err error) {
	list := func(ctx context.Context, m *member.Member, ask member.ListRequest) iter.Seq2[*metav1.Table, error] {
		include := metav1.IncludeNone
		if r.AllNamespaces && ask.Resource.Namespaced {
			include = metav1.IncludeMetadata // the only place that has the row's namespace
		}
		return m.Tables(ctx, ask, include)
	}
	t.missing, err = fetch(ctx, m, r, list, func(a answer[*metav1.Table]) error {
		return t.add(m, r, a)
	})
	if rows := t.rows(); err != nil && rows > 0 {
		return member.Incomplete(rows, err)
	}
	return err
}

// add appends a page to its item.
func (t *clusterTables) add(m *member.Member, r Request, a answer[*metav1.Table]) error {
	p := &t.items[a.item]
	t.namespaced[a.item] = a.resource.Namespaced
	p.cluster = m.Cluster().Name
	if p.columns == nil {
		p.columns = a.page.ColumnDefinitions
	}
	prefix := ""
	if len(r.Items) > 1 {
		prefix = strings.ToLower(a.resource.GroupKind().String()) + "/"
	}
	for _, tableRow := range a.page.Rows {
		got := row{cells: tableRow.Cells}
		if r.AllNamespaces && a.resource.Namespaced {
			meta, err := member.RowMeta(tableRow)
			if err != nil {
				return &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
			}
			got.namespace = meta.Namespace
		}
		prefixName(p.columns, got.cells, prefix)
		p.rows = append(p.rows, got)
	}
	return nil
}

// prefixName marks names with their kind where several types are shown, as
// kubectl does.
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
