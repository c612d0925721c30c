package member

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// WatchRequest asks for the changes of a collection since a version of it.
type WatchRequest struct {
	ListRequest
	// ResourceVersion is that of a list, or of the last event seen.
	ResourceVersion string
	// Include is what the row that each change comes as carries of its object.
	Include IncludeObject
	// Whole asks for the objects as they are, and not for rows of them.
	Whole bool
	// Lasts, if not 0, is when the server is to end the watch. One that it has not ended
	// then hangs, whatever it is that stands between: that is an error.
	Lasts time.Duration
	// Opened, if not nil, is called when the server has taken up the watch, which
	// may be long before the first change.
	Opened func()
}

// overdue is how much later than it was asked to a server may end a watch.
const overdue = 5 * time.Second

// WatchEvent is one change, as the server sent it. A bookmark says no more than
// which resourceVersion has been reached.
type WatchEvent struct {
	Type watch.EventType
	// Raw is the object or Table, in JSON.
	Raw []byte
}

// Watch yields changes as they happen. Only the time to its first byte is
// bounded. It ends without an error when the server ends it, which it does every
// now and then: ask again from the last resourceVersion. The first error is the
// last thing yielded; ReasonExpired means that the server no longer knows that
// version, and the collection must be listed anew.
func (m *Member) Watch(ctx context.Context, r WatchRequest) iter.Seq2[WatchEvent, error] {
	return func(yield func(WatchEvent, error) bool) {
		ctx, cancel := r.bound(ctx)
		defer cancel()
		body, err := m.openWatch(ctx, r)
		if err != nil {
			yield(WatchEvent{}, err)
			return
		}
		defer func() { _ = body.Close() }()
		if r.Opened != nil {
			r.Opened()
		}
		frames := json.NewDecoder(body)
		for {
			var frame metav1.WatchEvent
			switch err := frames.Decode(&frame); {
			case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
				return
			case err == io.ErrUnexpectedEOF: //nolint:errorlint // wrapped, it is the connection's own, which has said so
				yield(WatchEvent{}, &Error{Reason: ReasonUnreachable, Err: fmt.Errorf("connection lost: %w", err)})
				return
			case err != nil && r.Lasts > 0 && ctx.Err() != nil:
				yield(WatchEvent{}, m.classify(context.Cause(ctx)))
				return
			case err != nil:
				yield(WatchEvent{}, m.classify(err))
				return
			}
			event := WatchEvent{Type: watch.EventType(frame.Type), Raw: frame.Object.Raw}
			if event.Type == watch.Error {
				yield(WatchEvent{}, m.classify(watchError(r.path(), event.Raw)))
				return
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

// bound ends a context when the watch should have ended long since.
func (r WatchRequest) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.Lasts == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, r.Lasts+overdue, &Error{Reason: ReasonTimeout, Err: fmt.Errorf("it was to end after %s, and is silent", r.Lasts)})
}

func (m *Member) openWatch(ctx context.Context, r WatchRequest) (io.ReadCloser, error) {
	req := m.rest.Get().AbsPath(r.path()).MaxRetries(0).
		Param("watch", "true").Param("allowWatchBookmarks", "true").Param("resourceVersion", r.ResourceVersion)
	if r.Lasts > 0 {
		req.Param("timeoutSeconds", strconv.Itoa(int(r.Lasts/time.Second)))
	}
	for name, value := range map[string]string{"labelSelector": r.LabelSelector, "fieldSelector": r.FieldSelector} {
		if value != "" {
			req.Param(name, value)
		}
	}
	if r.Whole {
		req.SetHeader("Accept", acceptJSON)
	} else {
		req.SetHeader("Accept", acceptTable).Param("includeObject", string(r.Include))
	}
	body, err := req.Stream(withPace(ctx, paceOpen))
	return body, m.classify(err)
}

// watchError is the error in an event of type ERROR.
func watchError(path string, raw []byte) error {
	var status metav1.Status
	if err := json.Unmarshal(raw, &status); err != nil {
		return &AnswerError{Path: path, Err: err}
	}
	return apierrors.FromObject(&status)
}
