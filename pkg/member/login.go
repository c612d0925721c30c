package member

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
)

// LoginError is a credential plugin that gave no credentials.
type LoginError struct {
	// Plugin is the command that was run.
	Plugin string
	Err    error
}

func (e *LoginError) Error() string {
	return fmt.Sprintf("credential plugin %s: %v", e.Plugin, e.Err)
}

func (e *LoginError) Unwrap() error { return e.Err }

// loginGuard is the outermost round tripper of a cluster with a credential
// plugin. client-go runs the plugin inside RoundTrip, under a lock and deaf to
// the request's context; the guard bounds it, and leaves it behind when the
// caller gives up. A plugin left behind ends with our process.
type loginGuard struct {
	base    http.RoundTripper
	timeout time.Duration
	plugin  string
}

// WrappedRoundTripper lets client-go look through to the transport.
func (g *loginGuard) WrappedRoundTripper() http.RoundTripper { return g.base }

func (g *loginGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	login := loginFrom(ctx)
	if login == nil {
		login = &loginState{done: make(chan struct{})}
		req = req.WithContext(context.WithValue(ctx, loginKey{}, login))
	}
	type outcome struct {
		resp *http.Response
		err  error
	}
	result := make(chan outcome, 1)
	go func() {
		resp, err := g.base.RoundTrip(req)
		result <- outcome{resp, err}
	}()
	abandon := func() {
		go func() {
			if late := <-result; late.resp != nil {
				_ = late.resp.Body.Close()
			}
		}()
	}
	timer := time.NewTimer(g.timeout)
	defer timer.Stop()
	select {
	case <-login.done: // from here on the attempt's own bound holds
		got := <-result
		return got.resp, got.err
	case got := <-result:
		select {
		case <-login.done:
			return got.resp, got.err
		default: // the attempt was never reached: it is the login that failed
			return got.resp, &LoginError{Plugin: g.plugin, Err: got.err}
		}
	case <-ctx.Done():
		abandon()
		return nil, context.Cause(ctx)
	case <-timer.C:
		abandon()
		return nil, &LoginError{Plugin: g.plugin, Err: fmt.Errorf("no credentials after %s", g.timeout)}
	}
}

type loginKey struct{}

// loginState follows one request through the credential plugin.
type loginState struct {
	once sync.Once
	done chan struct{}
	only bool // log in and send nothing
}

func (s *loginState) finish() { s.once.Do(func() { close(s.done) }) }

func loginFrom(ctx context.Context) *loginState {
	s, _ := ctx.Value(loginKey{}).(*loginState)
	return s
}

var errLoggedIn = errors.New("logged in")

// NeedsPrompt reports whether logging in to this cluster asks a person for
// something on the terminal: its credential plugin insists on one.
func (m *Member) NeedsPrompt() bool { return needsPrompt(m.config) }

func needsPrompt(config *rest.Config) bool {
	return config.ExecProvider != nil && config.ExecProvider.InteractiveMode == api.AlwaysExecInteractiveMode
}

// Login runs the cluster's credential plugin, if it has one, and sends nothing
// to the cluster. client-go keeps the credentials for every member that logs
// in by the same command.
func (m *Member) Login(ctx context.Context) error {
	if m.config.ExecProvider == nil {
		return nil
	}
	login := &loginState{done: make(chan struct{}), only: true}
	req, err := http.NewRequestWithContext(context.WithValue(ctx, loginKey{}, login), http.MethodGet, m.config.Host, http.NoBody)
	if err != nil {
		return &Error{Reason: ReasonMisconfigured, Err: err}
	}
	resp, err := m.client.Do(req)
	if err == nil {
		_ = resp.Body.Close()
		return nil
	}
	if errors.Is(err, errLoggedIn) {
		return nil
	}
	return m.classify(err)
}
