package query

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// LogRequest is whose logs are wanted, and what of them.
type LogRequest struct {
	// Pods finds the pods.
	Pods Request
	// Container is wanted of each pod; empty: the one that ContainerOf chooses.
	Container string
	// All wants every container.
	All     bool
	Options corev1.PodLogOptions
}

// LogReport is what reading logs has to say beside the lines.
type LogReport struct {
	// Report is that of looking for the pods.
	Report
	// Sources are the logs that were read.
	Sources []LogSource
	// Lacking are pods without the container asked for.
	Lacking []*NoContainerError
	// Broken are the logs that could not be read to their end.
	Broken []LogFailure
}

// LogLine is one line of a log, without its end.
type LogLine struct {
	Source *LogSource
	// Time is when it was written; empty if timestamps were not asked for.
	Time string
	Text string
}

// LogFailure is a log that could not be read to its end.
type LogFailure struct {
	Source *LogSource
	Err    error
	// Lines are those that came before.
	Lines int
}

// ReadLogs reads the logs of all clusters to their end, as many at once as
// clusters would be, and hands over their lines: source by source, in the order
// of the clusters. With a patience above 0, clusters whose pods are not known
// when it is over do not hold up the others, and come after those that are there.
// The error is that of take, which ends everything.
func ReadLogs(ctx context.Context, f Fleet, r LogRequest, patience time.Duration, take func(LogLine) error) (LogReport, error) {
	reading := newLogReading(ctx, f, r)
	defer reading.stop()
	turns := &turns{arrived: reading.arrived, done: make([]bool, len(f.Clusters))}
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		turns.over = timer.C
	}
	broken := make([][]LogFailure, len(f.Clusters))
	for range f.Clusters {
		i := turns.next()
		for _, reader := range reading.readers[i] {
			if err := reader.handOver(take); err != nil {
				return LogReport{}, err
			}
			// What the user ended is no failure of the cluster.
			if reader.err != nil && member.ReasonOf(reader.err) != member.ReasonCanceled {
				broken[i] = append(broken[i], LogFailure{Source: reader.source, Err: cutOff(reader.handed, reader.err), Lines: reader.handed})
			}
		}
	}
	var report LogReport
	var pods []Pod
	pods, report.Report = podsOf(r.Pods, reading.found)
	report.Sources, report.Lacking = r.sources(pods)
	for _, failures := range broken {
		report.Broken = append(report.Broken, failures...)
	}
	return report, nil
}

// cutOff marks a failure after which something is shown.
func cutOff(lines int, err error) error {
	if lines == 0 {
		return err
	}
	return member.Incomplete(lines, err)
}

// logReading is logs that are being read to their end.
type logReading struct {
	request LogRequest
	members *member.Pool
	cancel  context.CancelCauseFunc
	slots   chan struct{}
	workers sync.WaitGroup
	// arrived has each cluster's index when its pods are known; found and readers
	// of that index may be read from then on.
	arrived chan int
	found   fanout.Results[*podFinder]
	readers [][]*logReader
}

func newLogReading(ctx context.Context, f Fleet, r LogRequest) *logReading {
	ctx, cancel := context.WithCancelCause(ctx)
	concurrency := f.Fanout.Concurrency
	if concurrency <= 0 {
		concurrency = fanout.DefaultConcurrency
	}
	l := &logReading{
		request: r, members: f.Members, cancel: cancel, slots: make(chan struct{}, concurrency),
		arrived: make(chan int, len(f.Clusters)),
		found:   make(fanout.Results[*podFinder], len(f.Clusters)), readers: make([][]*logReader, len(f.Clusters)),
	}
	l.workers.Go(func() {
		find := func(ctx context.Context, m *member.Member) (*podFinder, error) { return findPods(ctx, m, r.Pods) }
		for i, result := range fanout.Each(ctx, f.Clusters, f.Fanout, connected(f, find)) {
			l.found[i] = result
			if result.Err == nil {
				l.readers[i] = l.start(ctx, result.Value.pods)
			}
			l.arrived <- i
		}
	})
	return l
}

// stop ends what is still read, and waits for it.
func (l *logReading) stop() {
	l.cancel(errStopped)
	l.workers.Wait()
}

// start begins to read the logs of these pods, as far as there are slots.
func (l *logReading) start(ctx context.Context, pods []Pod) []*logReader {
	sources, _ := l.request.sources(pods)
	readers := make([]*logReader, len(sources))
	for i := range sources {
		readers[i] = newLogReader(ctx, l.members, &sources[i], l.request.Options)
	}
	l.workers.Go(func() {
		for _, reader := range readers {
			select {
			case l.slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			l.workers.Go(func() {
				defer func() { <-l.slots }()
				reader.readAhead()
			})
		}
	})
	return readers
}

// turns says which cluster is shown next.
type turns struct {
	arrived <-chan int
	over    <-chan time.Time // nil: the order is that of the clusters
	late    bool
	here    []int // arrived, and not shown
	done    []bool
}

// next waits for the first cluster that is not shown, or when patience is over
// for any of those.
func (t *turns) next() int {
	for {
		slices.Sort(t.here)
		if len(t.here) > 0 && (t.late || t.here[0] == slices.Index(t.done, false)) {
			i := t.here[0]
			t.here, t.done[i] = t.here[1:], true
			return i
		}
		select {
		case i := <-t.arrived:
			t.here = append(t.here, i)
		case <-t.over:
			t.late = true
		}
	}
}
