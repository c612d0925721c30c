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
	moved   bool   // the type is not, or no longer, where discovery said
	has     bool   // it is known that the cluster has what is watched
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
	var err error
	if c.version == "" {
		err = c.list(ctx, connected)
	}
	if err == nil {
		err = c.watch(ctx, func() {
			c.moved = false
			connected()
		})
	}
	switch {
	case errors.Is(err, errAgain):
		c.version = ""
		return nil
	case member.ReasonOf(err) == member.ReasonNotFound && !c.moved:
		c.version, c.moved = "", true
		return nil
	}
	return err
}

// lacksType: once the type is there, all that is of it is new.
func (c *clusterWatch) lacksType() {
	c.version, c.moved, c.listed, c.has = "", true, true, false
	c.w.settle(c.m.Cluster().Name, standing{missing: []absence{{item: 0}}})
}

// found says whether the cluster has what is watched, where that is news.
func (c *clusterWatch) found(some bool) {
	names := c.w.request.Items[0].Names
	switch {
	case c.has: // what is gone by now has been shown as deleted
	case some || len(names) == 0:
		c.has = true
		c.w.settle(c.m.Cluster().Name, standing{})
	default:
		c.w.settle(c.m.Cluster().Name, standing{missing: []absence{{item: 0, name: names[0]}}})
	}
}

// list shows what is new, changed or gone since what was seen before.
func (c *clusterWatch) list(ctx context.Context, connected func()) error {
	item := c.w.request.Items[0]
	resolve := c.m.Resource
	if c.moved {
		resolve = c.m.ResourceNow
	}
	resource, err := resolve(ctx, item.Type)
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
	connected()
	c.found(len(now) > 0)
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
	if len(c.seen) > 0 {
		c.found(true)
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
