package query

import (
	"context"
	"fmt"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// LogEvents hears what happens to logs that are followed. Calls come one at a
// time, and never beside one that takes a line.
type LogEvents interface {
	// Begun: every cluster has answered, failed or is being tried again, and there
	// is something to wait for. It comes at most once.
	Begun(report LogReport)
	// Lost: a cluster does not answer, or never did; it is tried again.
	Lost(cluster string, err error, never bool)
	// Back: a cluster that was lost, or never answered, answers.
	Back(cluster string, never bool)
	// Failed: a cluster, or a log of it, is not followed any longer.
	Failed(cluster string, err error)
	// Gone: a pod is no more, though its containers had not ended.
	Gone(pod *Pod)
	// Full: a new log has to wait until another ends.
	Full(source LogSource)
}

// TooManyLogsError says that there are more logs than may be followed at once.
type TooManyLogsError struct{ Most int }

func (e *TooManyLogsError) Error() string {
	return fmt.Sprintf("there are more than %d logs to follow", e.Most)
}

// FollowLogs hands over the lines of all logs as they come, and takes up those
// that break off where they were. Each cluster is on its own: one that does not
// answer is tried again for as long as it takes. Pods that join those selected,
// or those of the workload named, are followed, too. It returns when every
// container has ended for good, when ctx does, or with the error of take.
func FollowLogs(ctx context.Context, f Fleet, r LogRequest, most int, events LogEvents, take func(LogLine) error) (LogReport, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errStopped)
	r.Options.Follow, r.Options.Timestamps = true, true // by their times lines are known again
	crowd := &followers{members: f.Members, request: r, most: most, cancel: cancel, events: events, take: take}
	byName := make(map[string]*clusterFollower, len(f.Clusters))
	for _, c := range f.Clusters {
		one := newClusterFollower(crowd, c)
		crowd.clusters = append(crowd.clusters, one)
		byName[c.Name] = one
	}
	all := f.Fanout
	all.Concurrency = len(f.Clusters) // they have no end: all of them, or some are never seen
	results := fanout.Collect(ctx, f.Clusters, all, func(ctx context.Context, c inventory.Cluster) (*podFinder, error) {
		one := byName[c.Name]
		err := one.follow(ctx)
		return one.first, err
	})
	return crowd.report(results), crowd.stopped
}

// followers is what the logs that are followed share.
type followers struct {
	members *member.Pool
	request LogRequest
	most    int
	cancel  context.CancelCauseFunc

	mu        sync.Mutex // guards what follows, here and in each cluster
	events    LogEvents
	take      func(LogLine) error
	clusters  []*clusterFollower
	following int // logs, now
	begun     bool
	stopped   error // what ended it all, if neither the user nor the end of all logs
}

func (f *followers) hand(line LogLine) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped == nil {
		if err := f.take(line); err != nil {
			f.stop(err)
		}
	}
	return f.stopped
}

// stop ends everything. It is called with mu held.
func (f *followers) stop(err error) {
	f.stopped = err
	f.cancel(err)
}

// settle is called, with mu held, when a cluster has news. It says once what all
// clusters together began with, and ends everything when nothing is left to come.
func (f *followers) settle() {
	resting := true
	for _, c := range f.clusters {
		if !c.heard {
			return
		}
		resting = resting && c.resting()
	}
	switch {
	case resting:
		f.cancel(errStopped)
	case !f.begun:
		f.begun = true
		f.events.Begun(f.report(f.results()))
	}
}

// results are what is known of the clusters so far.
func (f *followers) results() fanout.Results[*podFinder] {
	results := make(fanout.Results[*podFinder], len(f.clusters))
	for i, c := range f.clusters {
		results[i] = fanout.Result[*podFinder]{Cluster: c.cluster, Value: c.first}
	}
	return results
}

// report sums up. A cluster that has not answered is left out of what is missing,
// and is no failure: it was being tried.
func (f *followers) report(results fanout.Results[*podFinder]) LogReport {
	report := LogReport{Report: Report{Asked: len(results)}}
	var clusters []answered
	for i, result := range results {
		c := f.clusters[i]
		if c.first != nil {
			clusters = append(clusters, answered{cluster: c.cluster, missing: c.first.missing})
		}
		if result.Err != nil && member.ReasonOf(result.Err) != member.ReasonCanceled {
			report.Failures = append(report.Failures, fanout.Failure{Cluster: c.cluster.Name, Inventory: c.cluster.Provider, Err: result.Err})
		}
		report.Sources = append(report.Sources, c.sources...)
		report.Lacking = append(report.Lacking, c.lacking...)
		report.Broken = append(report.Broken, c.broken...)
	}
	report.Absent = absences(f.request.Pods, clusters)
	for i := range report.Absent { // a cluster that is still tried may have it
		report.Absent[i].Everywhere = report.Absent[i].Everywhere && len(clusters)+len(report.Failures) == report.Asked
	}
	return report
}
