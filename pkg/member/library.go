package member

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
)

// Library is the way to a cluster for libraries of Kubernetes that make their
// own clients, whose calls take no context.
type Library struct {
	// Config is for clients of the library.
	Config *rest.Config
	m      *Member
	trip   *libraryTrip
}

// Library returns a way to the cluster that lasts as long as ctx: each request is
// one attempt, and after the first failure of a connection nothing is sent.
func (m *Member) Library(ctx context.Context) *Library {
	trip := &libraryTrip{base: m.client.Transport, ctx: ctx}
	return &Library{
		Config: &rest.Config{Host: m.host(), Transport: trip, UserAgent: m.options.UserAgent, QPS: -1, WarningHandlerWithContext: warnings{m}},
		m:      m, trip: trip,
	}
}

// Explain is what an error of the library comes from, with its Reason. A failed
// connection counts even where the library passed over it: what it made is not
// the whole.
func (l *Library) Explain(err error) error {
	if failed := l.trip.failure(); failed != nil {
		err = failed
	}
	return l.m.classify(err)
}

// host is the server's address, for clients that are given our transport: it
// already logs in, trusts and times out.
func (m *Member) host() string {
	return strings.TrimSuffix(m.rest.Get().AbsPath("/").URL().String(), "/")
}

// libraryTrip sends every request with the context of its Library, keeps the
// first failure, and takes away what client-go would take for a reason to try
// again.
type libraryTrip struct {
	base http.RoundTripper
	ctx  context.Context //nolint:containedctx // the library's calls take none

	mu     sync.Mutex
	failed error
}

func (t *libraryTrip) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

func (t *libraryTrip) fail(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
	return finalError{}
}

func (t *libraryTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.failure() != nil {
		return nil, finalError{}
	}
	resp, err := t.base.RoundTrip(req.WithContext(t.ctx))
	if err != nil {
		return nil, t.fail(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, t.fail(err)
	}
	resp.Header.Del("Retry-After")
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
