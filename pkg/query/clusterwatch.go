package query

import (
	"context"
	"errors"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// clusterWatch follows one collection of one cluster over lost connections.
type clusterWatch struct {
	w *watching
	m *member.Member

	ask     member.ListRequest
	kind    member.Resource
	columns []metav1.TableColumnDefinition
	version string // resourceVersion reached; empty: list first
	listed  bool   // at least once: what is new in a later list is a change
	seen    map[string]seenRow
}

// seenRow is an object as it was shown last.
type seenRow struct {
	version string
	row     row
}

func newClusterWatch(w *watching, m *member.Member) *clusterWatch {
	return &clusterWatch{w: w, m: m, seen: map[string]seenRow{}}
}

// run lists if it must, and watches until the watch ends. connected is called
// whenever the server has answered.
func (c *clusterWatch) run(ctx context.Context, connected func()) error {
	if c.version == "" {
		if err := c.list(ctx); err != nil {
			return err
		}
		connected()
	}
	err := c.watch(ctx, connected)
	if errors.Is(err, errAgain) {
		c.version = ""
		return nil
	}
	return err
}

// list shows what is new, changed or gone since what was seen before.
func (c *clusterWatch) list(ctx context.Context) error {
	item := c.w.request.Items[0]
	resource, err := c.m.Resource(ctx, item.Type)
	if err != nil {
		return err
	}
	c.kind = resource
	c.ask = c.w.request.listRequests(Item{Type: item.Type}, resource, c.m.Cluster().Namespace)[0]
	for _, name := range item.Names { // at most one: a watch is of a collection
		c.ask.FieldSelector = strings.TrimPrefix(c.ask.FieldSelector+",metadata.name="+name, ",")
	}
	now := map[string]seenRow{}
	var fresh []row
	version := ""
	for table, err := range c.m.Tables(ctx, c.ask, c.include()) {
		if err != nil {
			return err
		}
		version = table.ResourceVersion
		rows, err := c.rows(table)
		if err != nil {
			return err
		}
		for key, r := range rows {
			before, known := c.seen[key]
			now[key] = r
			if known && before.version == r.version {
				continue
			}
			event := watch.Added
			if known {
				event = watch.Modified
			}
			fresh = append(fresh, r.row.after(event))
		}
	}
	for key, gone := range c.seen {
		if _, still := now[key]; !still {
			fresh = append(fresh, gone.row.after(watch.Deleted))
		}
	}
	first := !c.listed
	c.seen, c.version, c.listed = now, version, true
	sortRows(fresh)
	if !first || !c.w.options.Only {
		c.w.show(part{cluster: c.m.Cluster().Name, columns: c.columns, rows: fresh})
	}
	return nil
}

// include is what rows must carry: who they are, if no more.
func (c *clusterWatch) include() member.IncludeObject {
	if c.w.options.Objects {
		return metav1.IncludeObject
	}
	return metav1.IncludeMetadata
}

// watch shows changes until the server ends the watch.
func (c *clusterWatch) watch(ctx context.Context, connected func()) error {
	request := member.WatchRequest{ListRequest: c.ask, ResourceVersion: c.version, Include: c.include(), Opened: connected}
	for event, err := range c.m.Watch(ctx, request) {
		if err != nil {
			if member.ReasonOf(err) == member.ReasonExpired {
				return errAgain
			}
			return err
		}
		if err := c.take(event); err != nil {
			return err
		}
	}
	return nil
}

func (c *clusterWatch) take(event member.WatchEvent) error {
	table, err := member.WatchedTable(event)
	if err != nil {
		return err
	}
	rows, err := c.rows(table)
	if err != nil {
		return err
	}
	var changed []row
	for key, r := range rows {
		c.version = r.version
		if !isChange(event.Type) {
			continue
		}
		if event.Type == watch.Deleted {
			delete(c.seen, key)
		} else {
			c.seen[key] = r
		}
		changed = append(changed, r.row.after(event.Type))
	}
	sortRows(changed)
	c.w.show(part{cluster: c.m.Cluster().Name, columns: c.columns, rows: changed})
	return nil
}

// rows reads a table. The server sends the columns once in a watch.
func (c *clusterWatch) rows(table *metav1.Table) (map[string]seenRow, error) {
	if len(table.ColumnDefinitions) > 0 {
		c.columns = c.w.request.Columns.behind(table.ColumnDefinitions)
	}
	servers := len(c.columns) - len(c.w.request.Columns.labelColumns())
	prefix := ""
	if c.w.request.Columns.Kind {
		prefix = strings.ToLower(c.kind.GroupKind().String()) + "/"
	}
	rows := make(map[string]seenRow, len(table.Rows))
	for _, tableRow := range table.Rows {
		meta, err := member.RowMeta(tableRow)
		if err != nil {
			return nil, &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
		}
		prefixName(c.columns, tableRow.Cells, prefix)
		cells := append(fit(tableRow.Cells, servers), c.w.request.Columns.labelCells(meta.Labels)...)
		r := row{namespace: meta.Namespace, cells: cells, watched: &watchedRow{name: meta.Name, resource: c.kind}}
		if c.w.options.Objects {
			object, err := member.RowObject(tableRow)
			if err != nil {
				return nil, &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
			}
			r.cells, r.watched.object = nil, &unstructured.Unstructured{Object: object}
		}
		rows[meta.Namespace+"/"+meta.Name] = seenRow{version: meta.ResourceVersion, row: r}
	}
	return rows, nil
}
