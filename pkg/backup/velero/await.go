package velero

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

const (
	// lasts is how long one watch is, and so about how long one that hangs is believed.
	// Something may be held still meanwhile.
	lasts = 5 * time.Second
	// The pauses before a lost cluster is tried again grow from the first to the last.
	firstPause = 200 * time.Millisecond
	lastPause  = 2 * time.Second
)

// GoneError is an object that somebody deleted while it was waited for.
type GoneError struct{ Kind, Name string }

func (e *GoneError) Error() string { return fmt.Sprintf("%s %s was deleted", e.Kind, e.Name) }

// Reason classifies the failure.
func (*GoneError) Reason() member.Reason { return member.ReasonNotFound }

// await follows an object until done is true of it, and returns it as it is then. each,
// if not nil, hears of every state that is seen. A cluster that does not answer is tried
// again until ctx ends; then it is the last state that was seen, and the cause.
func await[T any, P object[T]](ctx context.Context, s Server, r member.Resource, name string, done func(P) bool, each func(P)) (P, error) {
	w := &waiter[T, P]{server: s, resource: r, name: name, done: done, each: each}
	pause := firstPause
	for {
		one, err := read[T, P](ctx, s, r, name)
		switch {
		case ctx.Err() != nil:
			return w.last, context.Cause(ctx)
		case member.IsObjectNotFound(err), err == nil && w.last != nil && w.last.GetUID() != one.GetUID():
			return w.last, &GoneError{r.Kind, name}
		case err != nil && !member.IsAway(err):
			return w.last, err
		case err == nil:
			if w.sees(one) {
				return w.last, nil
			}
			began := time.Now()
			over, err := w.watch(ctx)
			if over || ctx.Err() == nil && err == nil && time.Since(began) > time.Second {
				pause = firstPause
			}
			if over {
				return w.last, err
			}
			if err == nil && pause == firstPause {
				continue // servers end watches as they are asked to
			}
		}
		select {
		case <-ctx.Done():
			return w.last, context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// waiter is one object that is waited for.
type waiter[T any, P object[T]] struct {
	server   Server
	resource member.Resource
	name     string
	done     func(P) bool
	each     func(P)
	last     P // nil before the first look
}

// sees takes in a state, and is true if it is what is waited for.
func (w *waiter[T, P]) sees(one P) bool {
	news := w.last == nil || w.last.GetResourceVersion() != one.GetResourceVersion()
	w.last = one
	if news && w.each != nil {
		w.each(one)
	}
	return w.done(one)
}

// watch takes in changes until the server ends it. over says that there is nothing more
// to wait for. Another error is no more than a reason to look again: who may not watch
// may read all the same.
func (w *waiter[T, P]) watch(ctx context.Context) (over bool, err error) {
	request := member.WatchRequest{
		ListRequest:     member.ListRequest{Resource: w.resource, Namespace: w.server.Namespace, FieldSelector: "metadata.name=" + w.name},
		ResourceVersion: w.last.GetResourceVersion(), Whole: true, Lasts: lasts,
	}
	for event, err := range w.server.Member.Watch(ctx, request) {
		if err != nil {
			return false, err
		}
		switch event.Type {
		case watch.Added, watch.Modified:
			one := P(new(T))
			if err := json.Unmarshal(event.Raw, one); err != nil {
				return false, err
			}
			if one.GetUID() != w.last.GetUID() {
				return true, &GoneError{w.resource.Kind, w.name}
			}
			if w.sees(one) {
				return true, nil
			}
		case watch.Deleted:
			return true, &GoneError{w.resource.Kind, w.name}
		case watch.Bookmark, watch.Error:
		}
	}
	return false, nil
}
