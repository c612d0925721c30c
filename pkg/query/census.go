package query

import (
	"errors"
	"slices"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// standing is how one cluster of a watch answered. The zero value: it has what
// is watched.
type standing struct {
	missing []absence
	err     error // it is given up
}

func (s standing) has() bool { return s.err == nil && len(s.missing) == 0 }

// census knows how the clusters of a watch answered, and what of that the user
// has not heard.
type census struct {
	clusters  []inventory.Cluster
	standings map[string]standing // of those that answered
	unheard   map[string]bool
	timer     *time.Timer // runs while there is something unheard
	over      bool
}

// together is how long what is said waits for more of its kind: one login that
// has expired is one line, whatever the number of clusters.
const together = 250 * time.Millisecond

// errNowhere: no cluster has what is watched, nor may have it.
var errNowhere = errors.New("nowhere")

// settle says how a cluster answered. The user hears of what is not as it should
// be; the watch ends when no cluster is left that has what is watched, or that
// has not answered.
func (w *watching) settle(cluster string, now standing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before, known := w.census.standings[cluster]
	w.census.standings[cluster] = now
	if now.has() {
		delete(w.census.unheard, cluster)
		return
	}
	if known && now.err == nil && slices.Equal(before.missing, now.missing) {
		return
	}
	w.census.unheard[cluster] = true
	if w.census.nowhere() {
		w.stop(errNowhere)
	} else if w.census.timer == nil {
		w.census.timer = time.AfterFunc(together, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.sayUnheard()
		})
	}
}

// nowhere: every cluster has answered, and none has what is watched.
func (c *census) nowhere() bool {
	for _, s := range c.standings {
		if s.has() {
			return false
		}
	}
	return len(c.standings) == len(c.clusters)
}

// sayUnheard tells the sink what it has not heard. The caller holds w.mu.
func (w *watching) sayUnheard() {
	c := &w.census
	if c.over { // the timer came too late
		return
	}
	failures, lacking := c.sum(func(cluster string) bool { return c.unheard[cluster] })
	if len(failures) > 0 {
		w.sink.Failed(failures)
	}
	if absent := absences(w.request, lacking); len(absent) > 0 && !c.nowhere() {
		w.sink.Lacking(absent)
	}
	c.unheard, c.timer = map[string]bool{}, nil
}

// sum lists, in the order asked, the failures of clusters and the answers of the
// others; of those that have not answered, nothing.
func (c *census) sum(which func(cluster string) bool) (failures []fanout.Failure, clusters []answered) {
	for _, cluster := range c.clusters {
		s, known := c.standings[cluster.Name]
		switch {
		case !known || !which(cluster.Name):
		case s.err != nil:
			failures = append(failures, fanout.Failure{Cluster: cluster.Name, Inventory: cluster.Provider, Err: s.err})
		default:
			clusters = append(clusters, answered{cluster: cluster, missing: s.missing})
		}
	}
	return failures, clusters
}

// conclude says what is unheard, and sums up.
func (w *watching) conclude() Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &w.census
	if c.timer != nil {
		c.timer.Stop()
	}
	w.sayUnheard()
	c.over = true
	failures, clusters := c.sum(func(string) bool { return true })
	report := Report{Asked: len(c.clusters), Shown: w.shown, Failures: failures}
	if c.nowhere() {
		report.Absent = slices.DeleteFunc(absences(w.request, clusters), func(a Absence) bool { return !a.Everywhere })
	}
	return report
}
