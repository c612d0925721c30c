package query

import (
	"context"
	"iter"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
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
	// Shown counts the rows or objects handed over.
	Shown int
	// Limited says that there may be more than Request.Limit lets through.
	Limited bool
}

// Tables asks every cluster for the server's own tables, merges them, one table
// for each item of the request, and hands them to show: all at once, in the
// order of the clusters. With a patience above 0, clusters that are not there
// when it is over do not hold up the others: those are shown, and each late
// cluster below them, as it comes. A cluster that fails halfway keeps its rows,
// and its failure counts them.
func Tables(ctx context.Context, f Fleet, r Request, patience time.Duration, show func([]*metav1.Table) error) (Report, error) {
	if r.SortBy != "" || r.Limit > 0 {
		patience = 0 // what is first is known only when all is there
	}
	g := &gathering{fleet: f, request: r, show: show, mergers: make([]*merger, len(r.Items))}
	results := make(fanout.Results[*clusterTables], len(f.Clusters))
	arrived := make(chan int)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(errStopped)
	go func() {
		defer close(arrived)
		for i, result := range fanout.Each(ctx, f.Clusters, f.Fanout, tablesOf(f, r)) {
			results[i] = result
			arrived <- i
		}
	}()
	err := g.gather(results, arrived, patience)
	if err != nil {
		stop(errStopped)
		for range arrived { // nobody is left behind
		}
		return Report{}, err
	}

	report := Report{Asked: len(results), Shown: g.shown, Limited: g.limited}
	var clusters []answered
	for _, result := range results {
		if result.Err == nil {
			clusters = append(clusters, answered{cluster: result.Cluster, missing: result.Value.missing})
		}
	}
	report.Failures = results.Failures((*clusterTables).rows)
	report.Absent = append(absences(r, clusters), g.absent...)
	return report, nil
}

// gathering puts the clusters' tables together as they arrive.
type gathering struct {
	fleet   Fleet
	request Request
	show    func([]*metav1.Table) error
	mergers []*merger // one an item, once something is shown of it
	shown   int
	limited bool
	absent  []Absence
}

func (g *gathering) gather(results fanout.Results[*clusterTables], arrived <-chan int, patience time.Duration) error {
	var over <-chan time.Time
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		over = timer.C
	}
	var waiting []int // arrived and not shown
	late := false
	for {
		select {
		case i, more := <-arrived:
			if !more {
				if len(waiting) == 0 {
					return nil
				}
				return g.flush(results, waiting)
			}
			waiting = append(waiting, i)
		case <-over:
			late = true
		}
		if late && len(waiting) > 0 {
			if err := g.flush(results, waiting); err != nil {
				return err
			}
			waiting = nil
		}
	}
}

// flush shows what these clusters gave.
func (g *gathering) flush(results fanout.Results[*clusterTables], which []int) error {
	slices.Sort(which)
	if g.request.SortBy != "" {
		if g.absent = noField(g.request, g.fleet, keysOf(results)); len(g.absent) > 0 {
			return nil
		}
	}
	var tables []*metav1.Table
	for item := range g.request.Items {
		var parts []part
		namespaced := false
		for _, i := range which {
			if got := results[i].Value; got != nil {
				parts = append(parts, got.items[item])
				namespaced = namespaced || got.namespaced[item]
				got.release(item)
			}
		}
		rows := g.first(inOrder(parts, g.request.SortBy != ""))
		if g.mergers[item] == nil {
			g.mergers[item] = &merger{layout: layout{cluster: g.request.Columns.Cluster, namespace: namespaced && g.request.AllNamespaces}}
		}
		tables = append(tables, g.mergers[item].merge(parts, rows))
	}
	return g.show(tables)
}

// keysOf are the keys of all rows.
func keysOf(results fanout.Results[*clusterTables]) iter.Seq[sortKey] {
	return func(yield func(sortKey) bool) {
		for _, result := range results {
			if result.Value == nil {
				continue
			}
			for _, p := range result.Value.items {
				for i := range p.rows {
					if !yield(*p.rows[i].key) {
						return
					}
				}
			}
		}
	}
}

// first takes as many rows as the limit still allows.
func (g *gathering) first(rows []placedRow) []placedRow {
	if g.request.Limit > 0 {
		if room := g.request.Limit - g.shown; len(rows) > room {
			rows, g.limited = rows[:room], true
		}
	}
	g.shown += len(rows)
	return rows
}

// clusterTables is what one cluster gave: a part for each item.
type clusterTables struct {
	items      []part
	namespaced []bool
	missing    []absence
	got        int
}

func (t *clusterTables) rows() int {
	if t == nil {
		return 0
	}
	return t.got
}

// release lets go of rows that are shown.
func (t *clusterTables) release(item int) { t.items[item].rows = nil }

// tablesOf returns the work for one cluster.
func tablesOf(f Fleet, r Request) fanout.Func[*clusterTables] {
	return func(ctx context.Context, c inventory.Cluster) (*clusterTables, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		t := &clusterTables{items: make([]part, len(r.Items)), namespaced: make([]bool, len(r.Items))}
		return t, t.fill(ctx, m, r)
	}
}

func (t *clusterTables) fill(ctx context.Context, m *member.Member, r Request) (err error) {
	reading := &tableReader{tables: t, cluster: m.Cluster().Name, request: r}
	if r.SortBy != "" {
		if reading.sorter, err = newSorter(r.SortBy); err != nil {
			return err
		}
	}
	list := func(ctx context.Context, m *member.Member, ask member.ListRequest) iter.Seq2[*metav1.Table, error] {
		return m.Tables(ctx, ask, reading.include(ask.Resource))
	}
	t.missing, err = fetch(ctx, m, r, list, reading.add)
	if err != nil && t.got > 0 {
		return member.Incomplete(t.got, err)
	}
	return err
}
