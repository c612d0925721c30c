package member

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// TimeoutError is a request that Options.Timeout ended.
type TimeoutError struct {
	Timeout time.Duration
	// Phase is what was waited for: a connection, a TLS handshake, an answer,
	// or the rest of one.
	Phase string
	// Connected is false if the server was never reached at all.
	Connected bool
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("%s (%s)", e.Phase, e.Timeout) }

// attempt is the innermost round tripper, directly above the connection. What
// the transports around it do first (credential plugins, for one) is login
// time and not counted. It bounds the attempt, remembers how far the server was
// ever reached, and keeps the TLS state for the roster.
type attempt struct {
	m    *Member
	base http.RoundTripper
}

func (m *Member) attempts(base http.RoundTripper) http.RoundTripper {
	return &attempt{m: m, base: base}
}

// WrappedRoundTripper lets client-go look through to the transport.
func (a *attempt) WrappedRoundTripper() http.RoundTripper { return a.base }

func (a *attempt) RoundTrip(req *http.Request) (*http.Response, error) {
	if login := loginFrom(req.Context()); login != nil {
		login.finish()
		if login.only {
			return nil, errLoggedIn
		}
	}
	bound := a.m.options.Timeout
	ctx, cancel := context.WithCancelCause(req.Context())
	var handshaking bool
	var mu sync.Mutex
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				a.m.connected.Store(true)
			}
		},
		TLSHandshakeStart: func() { mu.Lock(); handshaking = true; mu.Unlock() },
		GotConn:           func(httptrace.GotConnInfo) { mu.Lock(); handshaking = false; mu.Unlock(); a.m.connected.Store(true) },
	})
	timer := time.AfterFunc(bound, func() {
		e := &TimeoutError{Timeout: bound, Connected: a.m.connected.Load(), Phase: "no answer from " + req.URL.Host}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case !e.Connected:
			e.Phase = "no connection to " + req.URL.Host
		case handshaking:
			e.Phase = "no TLS handshake with " + req.URL.Host
		}
		cancel(e)
	})
	resp, err := a.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		timer.Stop()
		cancel(nil)
		return nil, timedOut(ctx, err)
	}
	a.m.answered.Store(true)
	if resp.TLS != nil {
		a.m.servingCert.Store(resp.TLS)
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, ctx: ctx, timer: timer, cancel: cancel, bound: bound, stream: isStream(req.Context())}
	return resp, nil
}

// timedOut replaces the error of a cancelled request by why it was cancelled,
// where that was our own bound.
func timedOut(ctx context.Context, err error) error {
	var timeout *TimeoutError
	if errors.As(context.Cause(ctx), &timeout) {
		return timeout
	}
	return err
}

// boundedBody keeps the attempt's bound over the body: to its end, or for a
// stream to its first byte.
type boundedBody struct {
	io.ReadCloser
	ctx    context.Context //nolint:containedctx // an attempt lives exactly as long as its body
	timer  *time.Timer
	cancel context.CancelCauseFunc
	bound  time.Duration
	stream bool
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 && b.stream {
		b.timer.Stop()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		var timeout *TimeoutError
		if cut := timedOut(b.ctx, err); errors.As(cut, &timeout) {
			return n, &TimeoutError{Timeout: b.bound, Connected: true, Phase: "cut off in the middle of the answer"}
		}
	}
	return n, err
}

func (b *boundedBody) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

type streamKey struct{}

// withStream marks a request whose answer has no end: only its first byte is
// bounded.
func withStream(ctx context.Context) context.Context {
	return context.WithValue(ctx, streamKey{}, true)
}

func isStream(ctx context.Context) bool { return ctx.Value(streamKey{}) != nil }
