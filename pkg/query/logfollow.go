package query

import (
	"context"
	"errors"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// LogEvents hears what happens to logs that are followed. Calls come one at a
// time, and never beside one that takes a line.
type LogEvents interface {
	// Lost: a cluster does not answer; its logs are taken up again when it does.
	Lost(cluster string, err error)
	// Back: a cluster that was lost answers again.
	Back(cluster string)
}

// How long to wait before a log is asked for again: at first, and at most.
const (
	shortPause = 250 * time.Millisecond
	longPause  = 8 * time.Second
)

// FollowLogs hands over the lines of all logs as they come, and takes up those
// that break off where they were. It returns when every container has ended for
// good, when ctx does, or with the error of take.
func FollowLogs(ctx context.Context, f Fleet, sources []LogSource, o corev1.PodLogOptions, events LogEvents, take func(LogLine) error) ([]LogFailure, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errStopped)
	crowd := &followers{members: f.Members, events: events, take: take, lost: map[string]bool{}, cancel: cancel}
	o.Follow, o.Timestamps = true, true // by their times lines are known again
	errs := make([]error, len(sources))
	lines := make([]int, len(sources))
	var workers sync.WaitGroup
	for i := range sources {
		workers.Go(func() {
			one := &follower{followers: crowd, source: &sources[i], options: o}
			errs[i] = one.follow(ctx)
			lines[i] = one.lines
		})
	}
	workers.Wait()
	var failures []LogFailure
	for i, err := range errs {
		if err != nil {
			failures = append(failures, LogFailure{Source: &sources[i], Err: err, Lines: lines[i]})
		}
	}
	return failures, crowd.stopped
}

// followers is what the logs that are followed share.
type followers struct {
	members *member.Pool
	events  LogEvents
	cancel  context.CancelCauseFunc

	mu      sync.Mutex
	take    func(LogLine) error
	lost    map[string]bool
	stopped error // of take
}

func (f *followers) hand(line LogLine) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped == nil {
		f.stopped = f.take(line)
	}
	if f.stopped != nil {
		f.cancel(f.stopped)
	}
	return f.stopped
}

// reached says, where it is news, that a cluster does not answer or does again.
func (f *followers) reached(cluster string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lost[cluster] == (err != nil) {
		return
	}
	f.lost[cluster] = err != nil
	if err != nil {
		f.events.Lost(cluster, err)
	} else {
		f.events.Back(cluster)
	}
}

// follower follows one log.
type follower struct {
	*followers
	source  *LogSource
	options corev1.PodLogOptions
	lines   int
	// last is the time of the last line, and seen how many lines have it: where
	// to go on, for the server knows whole seconds only.
	last time.Time
	seen int
}

func (f *follower) follow(ctx context.Context) error {
	pause := shortPause
	last := false // the container has ended: what is read now is the rest
	for {
		before := f.lines
		err := f.stream(ctx, last)
		if f.lines > before {
			pause = shortPause
		}
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // who stopped us knows it
		case err == nil && last:
			return nil
		case err != nil && !f.passing(err):
			return err
		case err != nil && isAway(err):
			f.reached(f.source.Pod.Cluster.Name, err)
		}
		for {
			if err := pauseFor(ctx, pause); err != nil {
				return nil //nolint:nilerr // who stopped us knows it
			}
			pause = min(2*pause, longPause)
			ended, err := f.ended(ctx)
			if err == nil {
				f.reached(f.source.Pod.Cluster.Name, nil)
				last = ended
				break
			}
			switch {
			case ctx.Err() != nil, member.IsObjectNotFound(err):
				return nil //nolint:nilerr // the pod is gone, and its log with it
			case !isAway(err):
				return err
			}
			f.reached(f.source.Pod.Cluster.Name, err)
		}
	}
}

// stream reads what is new, as long as it comes. A line that was cut off comes
// again whole, unless it is the last there will be.
func (f *follower) stream(ctx context.Context, last bool) error {
	o := f.options
	skip := 0
	if !f.last.IsZero() {
		o.SinceTime, o.SinceSeconds, o.TailLines = new(metav1.NewTime(f.last)), nil, nil
		skip = f.seen
	}
	resumed := f.last
	next := func(line LogLine) error {
		at, err := time.Parse(time.RFC3339Nano, line.Time)
		switch {
		case err != nil: // a line without a time cannot be known again
		case at.Before(resumed):
			return nil
		case at.Equal(resumed) && skip > 0:
			skip--
			return nil
		case at.Equal(f.last):
			f.seen++
		default:
			f.last, f.seen = at, 1
		}
		f.lines++
		return f.hand(line)
	}
	rest, err := readLog(ctx, f.members, f.source, o, next)
	if rest != nil && err == nil && last {
		return next(*rest)
	}
	return err
}

// passing tells a failure that may pass from one that will not.
func (f *follower) passing(err error) bool {
	reason := member.ReasonOf(err)
	return isAway(err) || (reason == member.ReasonInvalid && f.lines == 0 && !f.options.Previous) || member.IsObjectNotFound(err)
}

// isAway: the cluster, or the node, does not answer now.
func isAway(err error) bool {
	switch member.ReasonOf(err) { //nolint:exhaustive // these alone pass by themselves
	case member.ReasonUnreachable, member.ReasonTimeout, member.ReasonServerError, member.ReasonThrottled:
		return true
	}
	return false
}

// ended asks whether the container has ended for good.
func (f *follower) ended(ctx context.Context) (bool, error) {
	m, err := f.members.Member(ctx, f.source.Pod.Cluster)
	if err != nil {
		return false, err
	}
	pods, err := m.Resource(ctx, "pods")
	if err != nil {
		return false, err
	}
	ask := member.ListRequest{Resource: pods, Namespace: f.source.Pod.Namespace, Name: f.source.Pod.Name}
	for page, err := range m.Objects(ctx, ask) {
		if err != nil {
			return false, err
		}
		if len(page) > 0 { // it was asked for by name: one page of one pod
			pod := corev1.Pod{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(page[0].Object, &pod); err != nil {
				return false, &member.Error{Reason: member.ReasonInvalidAnswer, Err: err}
			}
			return f.options.Previous || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed, nil
		}
	}
	return false, errors.New("no pod and no error")
}

// pauseFor sleeps, unless ctx ends first.
func pauseFor(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pause):
		return nil
	}
}
