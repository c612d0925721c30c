package member

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
)

// get sends one GET and returns the body of a 2xx answer, in one attempt.
// Every error is an *Error.
func (m *Member) get(ctx context.Context, path, accept string) ([]byte, error) {
	return m.receive(ctx, m.request(path, nil, accept))
}

// getPacked is get, but for the body: it is compressed if the server likes.
func (m *Member) getPacked(ctx context.Context, path string, params map[string]string, accept string) ([]byte, error) {
	req := m.request(path, params, accept)
	if !m.config.DisableCompression {
		req.SetHeader("Accept-Encoding", acceptGzip)
	}
	return m.receive(ctx, req)
}

func (m *Member) request(path string, params map[string]string, accept string) *rest.Request {
	// MaxRetries(0): client-go would otherwise retry up to ten times, and wait
	// as the server says in Retry-After, inside what we call one request.
	req := m.rest.Get().AbsPath(path).MaxRetries(0)
	for name, value := range params {
		if value != "" {
			req.Param(name, value)
		}
	}
	if accept != "" {
		req.SetHeader("Accept", accept)
	}
	return req
}

// receive sends a request and returns the body of a 2xx answer.
func (m *Member) receive(ctx context.Context, req *rest.Request) ([]byte, error) {
	// Stream and not Do: Do logs a broken body as an error of its own.
	body, err := req.Stream(ctx)
	if err != nil {
		return nil, m.classify(err)
	}
	defer func() { _ = body.Close() }()
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, m.classify(err)
	}
	return data, nil
}

// decode is json.Unmarshal with an error that names the request.
func decode(path string, data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return &Error{Reason: ReasonInvalidAnswer, Err: &AnswerError{Path: path, Err: err}}
	}
	return nil
}

// Raw asks for a path, with its query if it has one, as it is.
func (m *Member) Raw(ctx context.Context, path string) ([]byte, error) {
	return m.receive(ctx, m.rest.Get().RequestURI(path).MaxRetries(0))
}

// Version asks the API server for its version.
func (m *Member) Version(ctx context.Context) (*version.Info, error) {
	const path = "/version"
	data, err := m.get(ctx, path, "")
	if err != nil {
		return nil, err
	}
	info := &version.Info{}
	return info, decode(path, data, info)
}

// Latency is the time of one small request. On a member that was asked
// something before, the connection is open and its set-up not counted.
func (m *Member) Latency(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	if _, err := m.get(ctx, "/version", ""); err != nil {
		return 0, err
	}
	return time.Since(start), nil
}
