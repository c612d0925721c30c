package member

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TimeoutError is a request that took longer than Options.Timeout allows.
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
// time and not counted. It bounds the attempt: once to the first byte of the
// answer, and again to its end. Every failure of the connection is classified
// here, where it is known to be one.
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
	if login := loginFrom(req.Context()); login != nil && !login.finish() {
		return nil, errLoggedIn
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	bound := newBound(ctx, cancel, a.m, req.URL.Host)
	bound.pace = paceFrom(ctx)
	resp, err := a.base.RoundTrip(req.WithContext(bound.traced())) //nolint:contextcheck // made of the request's own, above
	if err != nil {
		err = bound.explain(err)
		bound.end()
		return nil, err
	}
	if resp.TLS != nil {
		a.m.servingCert.Store(resp.TLS)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		bound.pace = paceWhole // an error is short, whatever was asked for
	}
	bound.firstByte()
	resp.Body = &boundedBody{ReadCloser: resp.Body, bound: bound}
	if resp.StatusCode >= http.StatusMultipleChoices {
		plainError(resp)
	}
	if resp.StatusCode == http.StatusUnauthorized && a.m.config.ExecProvider != nil {
		return nil, unauthorized(resp)
	}
	return resp, nil
}

// unauthorized makes an error of a 401. As an answer it would let client-go run
// the credential plugin once more, inside this request, for an answer that is
// the same.
func unauthorized(resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	return statusError(resp)
}

// statusError is the error that an answer other than 2xx stands for. It leaves
// the body to be read again.
func statusError(resp *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxStatus))
	if err != nil {
		return err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), resp.Body), resp.Body}
	var status metav1.Status
	if json.Unmarshal(body, &status) == nil && status.Kind == "Status" && status.Message != "" {
		return apierrors.FromObject(&status)
	}
	return apierrors.NewGenericServerResponse(resp.StatusCode, resp.Request.Method, schema.GroupResource{}, "", "", 0, false)
}

// maxStatus bounds what is read of an error's body, in bytes.
const maxStatus = 1 << 16

// bound is the time limit of one attempt.
type bound struct {
	ctx    context.Context //nolint:containedctx // an attempt is one request, from its start to the end of its body
	cancel context.CancelCauseFunc
	m      *Member
	host   string
	limit  time.Duration
	began  time.Time
	timer  *time.Timer
	pace   pace

	handshaking, answered atomic.Bool
}

func newBound(ctx context.Context, cancel context.CancelCauseFunc, m *Member, host string) *bound {
	b := &bound{ctx: ctx, cancel: cancel, m: m, host: host, limit: m.options.Timeout, began: time.Now()}
	b.timer = time.AfterFunc(b.limit, func() { b.cancel(b.timeout()) })
	return b
}

func (b *bound) traced() context.Context {
	return httptrace.WithClientTrace(b.ctx, &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				b.m.connected.Store(true)
			}
		},
		TLSHandshakeStart: func() { b.handshaking.Store(true) },
		GotConn: func(httptrace.GotConnInfo) {
			b.handshaking.Store(false)
			b.m.connected.Store(true)
		},
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if b.pace == paceFollow && info.Err == nil {
				b.timer.Stop()
			}
		},
	})
}

func (b *bound) firstByte() {
	b.answered.Store(true)
	if b.pace == paceWhole {
		b.timer.Reset(b.limit)
	} else {
		b.timer.Stop()
	}
}

func (b *bound) end() {
	b.timer.Stop()
	b.cancel(nil)
}

func (b *bound) timeout() *TimeoutError {
	e := &TimeoutError{Timeout: b.limit, Connected: b.m.connected.Load(), Phase: "no answer from " + b.host}
	switch {
	case b.answered.Load():
		e.Phase = "cut off in the middle of the answer"
	case !e.Connected:
		e.Phase = "no connection to " + b.host
	case b.handshaking.Load():
		e.Phase = "no TLS handshake with " + b.host
	}
	return e
}

// explain says why the connection failed: our own bound, the caller, or the
// connection itself.
func (b *bound) explain(err error) error {
	cause := context.Cause(b.ctx)
	var timeout *TimeoutError
	var network net.Error
	switch {
	case errors.As(cause, &timeout):
		return &Error{Reason: reasonOf(timeout), Err: timeout}
	case cause != nil:
		return canceled(b.ctx)
	case errors.As(err, &network) && network.Timeout() && !isDial(err):
		// net/http has a bound of its own for handshakes (adr/0002).
		timeout = b.timeout()
		timeout.Timeout = min(timeout.Timeout, time.Since(b.began).Round(time.Second))
		return &Error{Reason: reasonOf(timeout), Err: timeout}
	}
	if b.answered.Load() {
		err = fmt.Errorf("connection lost: %w", err)
	}
	return &Error{Reason: reasonOfConnection(err), Err: err}
}

// canceled is the error of a request that its caller ended.
func canceled(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		return &Error{Reason: ReasonTimeout, Err: cause}
	}
	return &Error{Reason: ReasonCanceled, Err: cause}
}

// boundedBody keeps the attempt's bound to the end of the body.
type boundedBody struct {
	io.ReadCloser
	bound *bound
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.bound.pace == paceSteady {
		b.bound.timer.Reset(b.bound.limit)
		defer b.bound.timer.Stop()
	}
	n, err := b.ReadCloser.Read(p)
	// A body whose request was ended may look like one that came to its end.
	if err != nil && (!errors.Is(err, io.EOF) || b.bound.ctx.Err() != nil) {
		err = b.bound.explain(err)
	}
	return n, err
}

func (b *boundedBody) Close() error {
	err := b.ReadCloser.Close()
	b.bound.end()
	return err
}
