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
	// Lost says that a cluster is not seen any longer; it is tried again.
	Lost(cluster string, err error)
	// Back says that a cluster is seen again.
	Back(cluster string)
}

// Watch shows what there is and then each change, of all clusters in one
// stream, until ctx ends. A watch that ends is resumed where it was; after a
// time in which the server has forgotten that, the collection is listed anew and
// what is different is shown. A cluster that cannot be reached is tried again
// for as long as it takes; one that refuses (no rights, no such type) is given
// up and reported.
func Watch(ctx context.Context, f Fleet, r Request, o WatchOptions, sink WatchSink) (Report, error) {
	w := &watching{request: r, options: o, sink: sink, merger: merger{layout: layout{cluster: r.Columns.Cluster, namespace: r.AllNamespaces, event: o.EventColumn}}}
	ctx, w.stop = context.WithCancelCause(ctx)
	defer w.stop(errStopped)
	all := f.Fanout
	all.Concurrency = len(f.Clusters) // a watch has no end: all of them, or some are never seen
	results := fanout.Collect(ctx, f.Clusters, all, func(ctx context.Context, c inventory.Cluster) (*watched, error) {
		return w.cluster(ctx, f.Members, c)
	})
	report := Report{Asked: len(results), Shown: w.shown}
	var clusters []answered
	for _, result := range results {
		switch {
		case result.Value != nil && result.Value.missing != nil:
			clusters = append(clusters, answered{cluster: result.Cluster, missing: result.Value.missing})
		case result.Err != nil && member.ReasonOf(result.Err) != member.ReasonCanceled:
			report.Failures = append(report.Failures, fanout.Failure{Cluster: result.Cluster.Name, Err: result.Err})
		default:
			clusters = append(clusters, answered{cluster: result.Cluster})
		}
	}
	report.Absent = absences(r, clusters)
	return report, w.failed
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
}

// watched is what is left of the watch of one cluster.
type watched struct{ missing []absence }

// backoff is how long to wait before a cluster that is lost is tried again.
func backoff() wait.Backoff {
	return wait.Backoff{Duration: time.Second, Factor: 2, Jitter: 0.2, Steps: 6, Cap: 30 * time.Second}
}

// cluster watches one cluster until ctx ends or the cluster refuses.
func (w *watching) cluster(ctx context.Context, members *member.Pool, c inventory.Cluster) (*watched, error) {
	pause := backoff()
	lost := false
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
					lost = false
					w.tell(func(s WatchSink) { s.Back(c.Name) })
				}
			})
		}
		switch reason := member.ReasonOf(err); {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err == nil: // the server ended the watch: go on
			continue
		case reason == member.ReasonNotInstalled:
			return &watched{missing: []absence{{item: 0}}}, nil
		case givesUp(reason):
			return nil, err
		}
		if !lost {
			lost = true
			w.tell(func(s WatchSink) { s.Lost(c.Name, err) })
		}
		if err := pauseFor(ctx, pause.Step()); err != nil {
			return nil, err
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
