package member

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
)

// discoveryTrip is the transport of the discovery client, which knows neither
// contexts nor single attempts: it sends every request with the context of the
// call at hand, keeps the first failure, sends nothing after it, and takes away
// what client-go would take for a reason to try again.
type discoveryTrip struct {
	base http.RoundTripper

	mu     sync.Mutex      // client-go asks for several groups at once
	ctx    context.Context //nolint:containedctx // client-go's discovery takes none
	failed error
}

func (t *discoveryTrip) begin(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ctx, t.failed = ctx, nil
}

func (t *discoveryTrip) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

func (t *discoveryTrip) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
}

func (t *discoveryTrip) current() (context.Context, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ctx, t.failed
}

func (t *discoveryTrip) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, failed := t.current()
	if failed != nil {
		return nil, finalError{}
	}
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		t.fail(err)
		return nil, finalError{}
	}
	resp.Header.Del("Retry-After")
	if isFatal(req.URL.Path, resp.StatusCode) {
		t.fail(statusError(resp))
		return resp, nil
	}
	return t.whole(req, resp)
}

// whole reads the answer here, so that one that breaks off, or is no JSON, is a
// failure like any other.
func (t *discoveryTrip) whole(req *http.Request, resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err == nil && resp.StatusCode == http.StatusOK {
		if garbage := json.Unmarshal(body, new(json.RawMessage)); garbage != nil {
			err = &AnswerError{Path: req.URL.Path, Err: garbage}
		}
	}
	if err != nil {
		t.fail(err)
		return nil, finalError{}
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// isFatal tells the failure of one group, which may be down alone, from that of
// the documents without which nothing is known: the lists of groups, and the
// core group, which is the API server's own. It may have none, and then no /api.
func isFatal(path string, code int) bool {
	switch {
	case code >= 200 && code < 300, code == http.StatusNotModified:
		return false
	case strings.HasSuffix(path, "/api"), strings.HasSuffix(path, "/api/v1"):
		return code != http.StatusNotFound
	}
	return strings.HasSuffix(path, "/apis")
}

// finalError stands for the failure that the trip keeps. It does not show
// what that is, so that client-go finds no reason to try again in it.
type finalError struct{}

func (finalError) Error() string { return "the first failure ended it" }
