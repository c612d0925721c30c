package query

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// How long to wait before a log or a cluster is asked again: at first, and at most.
const (
	shortPause = 250 * time.Millisecond
	longPause  = 8 * time.Second
)

// follower follows one log.
type follower struct {
	*clusterFollower
	source  LogSource
	options corev1.PodLogOptions
	lines   int
	// last is the time of the last line, and seen how many lines have it: where
	// to go on, for the server knows whole seconds only.
	last time.Time
	seen int
}

// follow reads the log until its container has ended for good, or ctx has. The
// error is what will not pass; a pod that is gone is errGone.
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
		case err != nil && member.IsAway(err):
			f.lost(err)
		}
		for {
			if err := pauseFor(ctx, pause); err != nil {
				return nil //nolint:nilerr // who stopped us knows it
			}
			pause = min(2*pause, longPause)
			over, err := f.hasEnded(ctx)
			if err == nil {
				f.reached()
				last = over
				break
			}
			switch {
			case ctx.Err() != nil:
				return nil //nolint:nilerr // who stopped us knows it
			case member.IsObjectNotFound(err):
				return errGone
			case !member.IsAway(err):
				return err
			}
			f.lost(err)
		}
	}
}

// errGone ends a log whose pod is no more.
var errGone = errors.New("the pod is gone")

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
	rest, err := readLog(ctx, f.members, &f.source, o, next)
	if rest != nil && err == nil && last {
		return next(*rest)
	}
	return err
}

// passing tells a failure that may pass from one that will not.
func (f *follower) passing(err error) bool {
	reason := member.ReasonOf(err)
	return member.IsAway(err) || (reason == member.ReasonInvalid && f.lines == 0 && !f.options.Previous) || member.IsObjectNotFound(err)
}

// hasEnded asks whether the container has ended for good.
func (f *follower) hasEnded(ctx context.Context) (bool, error) {
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
