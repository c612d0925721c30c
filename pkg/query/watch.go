package query

import (
	"context"
	"errors"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// WatchOptions are what a watch shows.
type WatchOptions struct {
	// Only leaves out what is there already.
	Only bool
	// EventColumn shows what happened to a row, as the first column.
	EventColumn bool
	// Objects shows whole objects instead of rows.
	Objects bool
}

// WatchSink is told what a watch sees. Its methods are never called at once.
type WatchSink interface {
	// Rows are new, changed or deleted rows of one cluster, under the columns of
	// all that came before.
	Rows(table *metav1.Table) error
	// Object is new, changed or deleted.
	Object(event watch.EventType, object Object) error
	// Lost says that a cluster is not seen any longer or, if it never was, not
	// yet; it is tried again.
	Lost(cluster string, err error, never bool)
	// Back says that a cluster that was lost is seen, before its rows.
	Back(cluster string, never bool)
	// Failed are clusters that are given up.
	Failed(failures []fanout.Failure)
	// Lacking is what clusters do not have that answered. They are looked at
	// further, for as long as another cluster has it or may have it.
	Lacking(absent []Absence)
}

// Watch shows what there is and then each change, of all clusters in one
// stream, until ctx ends. A watch that ends is resumed where it was; after a
// time in which the server has forgotten that, the collection is listed anew and
// what is different is shown. A cluster that cannot be reached is tried again
// for as long as it takes, one without the type is looked at now and then, and
// one that refuses is given up; the sink hears of each at once. When no cluster
// is left that has or may have what is asked for, the watch ends: the report has
// all failures, and what is absent everywhere.
func Watch(ctx context.Context, f Fleet, r Request, o WatchOptions, sink WatchSink) (Report, error) {
	w := &watching{
		request: r, options: o, sink: sink,
		merger: merger{layout: layout{cluster: r.Columns.Cluster, namespace: r.AllNamespaces, event: o.EventColumn}},
		census: census{clusters: f.Clusters, standings: map[string]standing{}, unheard: map[string]bool{}},
	}
	ctx, w.stop = context.WithCancelCause(ctx)
	defer w.stop(errStopped)
	all := f.Fanout
	all.Concurrency = len(f.Clusters) // a watch has no end: all of them, or some are never seen
	for _, result := range fanout.Each(ctx, f.Clusters, all, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
		return struct{}{}, w.cluster(ctx, f.Members, c)
	}) {
		if ctx.Err() == nil {
			w.settle(result.Cluster.Name, standing{err: result.Err})
		}
	}
	return w.conclude(), w.failed
}

// watching is one watch over the fleet.
type watching struct {
	request Request
	options WatchOptions
	stop    context.CancelCauseFunc

	mu     sync.Mutex // guards the sink, and what follows
	sink   WatchSink
	merger merger
	shown  int
	failed error
	census census
}

// backoff is how long to wait before a cluster that is lost is tried again.
func backoff() wait.Backoff {
	return wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.2, Steps: 6, Cap: 30 * time.Second}
}

// cluster watches one cluster until ctx ends or the cluster refuses.
func (w *watching) cluster(ctx context.Context, members *member.Pool, c inventory.Cluster) error {
	pause := backoff()
	lost, never := false, true
	var watcher *clusterWatch
	for {
		m, err := members.Member(ctx, c)
		if err == nil {
			if watcher == nil {
				watcher = newClusterWatch(w, m)
			}
			err = watcher.run(ctx, func() {
				pause = backoff()
				if lost {
					w.tell(func(s WatchSink) { s.Back(c.Name, never) })
				}
				lost, never = false, false
			})
		}
		switch reason := member.ReasonOf(err); {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil: // the server ended the watch: go on
			continue
		case watcher == nil && reason == member.ReasonNotInstalled, givesUp(reason):
			return err
		case reason == member.ReasonNotInstalled:
			lost, never = false, false
			watcher.lacksType()
		case !lost:
			lost = true
			w.tell(func(s WatchSink) { s.Lost(c.Name, err, never) })
		}
		if err := pauseFor(ctx, pause.Step()); err != nil {
			return err
		}
	}
}

// givesUp tells failures that time does not heal.
func givesUp(reason member.Reason) bool {
	switch reason {
	case member.ReasonForbidden, member.ReasonInvalid, member.ReasonMisconfigured, member.ReasonUntrusted, member.ReasonLoginFailed, member.ReasonUnauthorized:
		return true
	default:
		return false
	}
}

func (w *watching) tell(what func(WatchSink)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what(w.sink)
}

// show hands rows of one cluster to the sink.
func (w *watching) show(p part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil || len(p.rows) == 0 {
		return
	}
	w.shown += len(p.rows)
	if w.failed = w.print(p); w.failed != nil {
		w.stop(errStopped)
	}
}

func (w *watching) print(p part) error {
	if !w.options.Objects {
		return w.sink.Rows(w.merger.merge([]part{p}, inOrder([]part{p}, false)))
	}
	for _, r := range p.rows {
		w.request.annotate(r.watched.object, p.cluster)
		if err := w.sink.Object(r.watched.event, Object{Cluster: p.cluster, Resource: r.watched.resource, Unstructured: r.watched.object}); err != nil {
			return err
		}
	}
	return nil
}

// errAgain: the collection must be listed anew.
var errAgain = errors.New("list again")

// isChange tells events of objects from bookmarks.
func isChange(t watch.EventType) bool {
	return t == watch.Added || t == watch.Modified || t == watch.Deleted
}
