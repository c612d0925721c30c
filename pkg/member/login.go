package member

import (
	"context"
	"crypto/tls"
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
// the request's context. The guard logs in first, once for all clusters that
// share the login, bounds the plugin, and leaves it behind when the caller
// gives up; a plugin left behind ends with our process.
type loginGuard struct {
	base    http.RoundTripper
	shared  *sharedLogin
	plugin  string
	host    string
	timeout time.Duration
}

// WrappedRoundTripper lets client-go look through to the transport.
func (g *loginGuard) WrappedRoundTripper() http.RoundTripper { return g.base }

func (g *loginGuard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.ensure(req.Context()); err != nil {
		return nil, err
	}
	return g.guarded(req, false)
}

// ensure logs in, if no cluster that shares the login has. It sends nothing.
func (g *loginGuard) ensure(ctx context.Context) error {
	return g.shared.once(ctx, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.host, http.NoBody)
		if err != nil {
			return &Error{Reason: ReasonMisconfigured, Err: err}
		}
		resp, err := g.guarded(req, true)
		if resp != nil {
			_ = resp.Body.Close()
		}
		if errors.Is(err, errLoggedIn) {
			return nil
		}
		return err
	})
}

// guarded sends the request, bounding the plugin if it runs.
func (g *loginGuard) guarded(req *http.Request, loginOnly bool) (*http.Response, error) {
	ctx := req.Context()
	login := &loginState{done: make(chan struct{}), only: loginOnly}
	type outcome struct {
		resp *http.Response
		err  error
	}
	result := make(chan outcome, 1)
	go func() {
		resp, err := g.base.RoundTrip(req.WithContext(context.WithValue(ctx, loginKey{}, login)))
		result <- outcome{resp, err}
	}()
	timer := time.NewTimer(g.timeout)
	defer timer.Stop()
	select {
	case <-login.done: // from here on the attempt's own bound holds, and ends with ctx
		got := <-result
		return got.resp, got.err
	case got := <-result:
		if login.finished() {
			return got.resp, got.err
		}
		// The attempt was never reached: it is the login that failed.
		return nil, &LoginError{Plugin: g.plugin, Err: got.err}
	case <-ctx.Done():
		login.abandon()
		return nil, canceled(ctx)
	case <-timer.C:
		login.abandon()
		return nil, &LoginError{Plugin: g.plugin, Err: fmt.Errorf("no credentials after %s", g.timeout)}
	}
}

// certificate reads the client certificate that the plugin gave. client-go runs
// the plugin again if it has expired since, deaf to ctx.
func (g *loginGuard) certificate(ctx context.Context, get func() (*tls.Certificate, error)) (tls.Certificate, error) {
	type outcome struct {
		certificate *tls.Certificate
		err         error
	}
	result := make(chan outcome, 1)
	go func() {
		certificate, err := get()
		result <- outcome{certificate, err}
	}()
	select {
	case got := <-result:
		if got.certificate == nil {
			return tls.Certificate{}, got.err
		}
		return *got.certificate, got.err
	case <-time.After(g.timeout):
		return tls.Certificate{}, &LoginError{Plugin: g.plugin, Err: fmt.Errorf("no credentials after %s", g.timeout)}
	case <-ctx.Done():
		return tls.Certificate{}, canceled(ctx)
	}
}

type loginKey struct{}

// loginState follows one request through the credential plugin.
type loginState struct {
	only bool // log in and send nothing

	mu        sync.Mutex
	abandoned bool
	over      bool
	done      chan struct{}
}

// finish says that there are credentials, and tells whether the request may be
// sent.
func (s *loginState) finish() (send bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.abandoned {
		return false
	}
	if !s.over {
		s.over = true
		close(s.done)
	}
	return !s.only
}

func (s *loginState) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over
}

// abandon makes sure that a request whose caller has gone is not sent later.
func (s *loginState) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abandoned = true
}

func loginFrom(ctx context.Context) *loginState {
	s, _ := ctx.Value(loginKey{}).(*loginState)
	return s
}

var errLoggedIn = errors.New("logged in")

// sharedLogin is one login for all clusters of a Pool that log in by the same
// command. client-go keeps the credentials; this keeps a failure, so that
// nobody is asked, and no plugin run, again for each cluster.
type sharedLogin struct {
	turn chan struct{} // holds one token while somebody logs in
	over bool
	err  error
}

func (l *sharedLogin) once(ctx context.Context, login func() error) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return canceled(ctx)
	}
	if l.over {
		return l.err
	}
	err := login()
	if ctx.Err() != nil {
		return canceled(ctx) // who gave up decides for nobody else
	}
	l.over, l.err = true, err
	return err
}

// NeedsPrompt reports whether logging in to this cluster asks a person for
// something on the terminal: its credential plugin insists on one.
func (m *Member) NeedsPrompt() bool { return needsPrompt(m.config) }

func needsPrompt(config *rest.Config) bool {
	return config.ExecProvider != nil && config.ExecProvider.InteractiveMode == api.AlwaysExecInteractiveMode
}

// Login runs the cluster's credential plugin, if it has one, and sends nothing
// to the cluster.
func (m *Member) Login(ctx context.Context) error {
	if m.login == nil {
		return nil
	}
	return m.classify(m.login.ensure(ctx))
}

// loginID is equal for two clusters that client-go logs in to once: the same
// command and, where the plugin is told of the cluster, the same cluster.
func loginID(config *rest.Config) string {
	e := config.ExecProvider
	id := fmt.Sprintf("%q %q %q %q", e.APIVersion, e.Command, e.Args, e.Env)
	if e.ProvideClusterInfo {
		id += fmt.Sprintf(" %q %q", config.Host, config.TLSClientConfig.CAData)
	}
	return id
}
