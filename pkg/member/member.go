package member

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// Defaults for Options.
const (
	DefaultTimeout      = 10 * time.Second
	DefaultLoginTimeout = 2 * time.Minute
)

// Options are how members are talked to. The zero value is usable.
type Options struct {
	// Timeout bounds every request twice: from the connect to the first byte of
	// the answer, and from there to its end. The time that a credential plugin
	// takes is not counted. 0 means DefaultTimeout.
	Timeout time.Duration
	// LoginTimeout bounds a credential plugin. 0 means DefaultLoginTimeout.
	LoginTimeout time.Duration
	// CacheDir is kubectl's cache directory, shared with kubectl. Empty, or not
	// writable: discovery is asked of the cluster each time.
	CacheDir string
	// UserAgent goes with every request.
	UserAgent string
	// Shared says that several clusters are talked to at once: a credential
	// plugin that merely may use the terminal must not, since another's prompt
	// may be there. One that insists on it is for Login, beforehand.
	Shared bool
	// Warn hears the Warning headers of the API server. It is called from
	// several goroutines. Nil: nobody does.
	Warn func(c inventory.Cluster, text string)
}

// Member is one cluster and the way to it. Nothing is dialled before the first
// request. It is safe for concurrent use.
type Member struct {
	cluster inventory.Cluster
	options Options

	config *rest.Config
	client *http.Client
	rest   *rest.RESTClient
	login  *loginGuard // nil without a credential plugin

	unpackers unpackers // of the whole pool

	discovering sync.Mutex
	discovery   *typeIndex // nil until a type is asked for

	connected   atomic.Bool // a TCP connection was made at least once
	servingCert atomic.Pointer[tls.ConnectionState]
}

func newMember(ctx context.Context, c inventory.Cluster, o Options, p *Pool) (*Member, error) {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.LoginTimeout <= 0 {
		o.LoginTimeout = DefaultLoginTimeout
	}
	m := &Member{cluster: c, options: o, unpackers: p.unpackers}
	config, err := c.Access.RESTConfig(ctx)
	if err != nil {
		return nil, unaddressed(err)
	}
	config = rest.CopyConfig(config)
	config.UserAgent = o.UserAgent
	config.QPS = -1 // the API server's own flow control decides, as in kubectl
	config.Timeout = 0
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	config.WarningHandlerWithContext = warnings{m}
	config.Wrap(m.attempts)
	// What is reached through a hub logs in as the hub did, which has been asked
	// first: the same credentials serve, if the plugin is run in the same way.
	if config.ExecProvider != nil && o.Shared && !needsPrompt(config) && c.Context != "" {
		plugin := config.ExecProvider.DeepCopy()
		plugin.StdinUnavailable = true
		plugin.StdinUnavailableMessage = "several clusters are asked at once; log in to this one alone first"
		config.ExecProvider = plugin
	}
	m.config = config
	if m.client, err = rest.HTTPClientFor(config); err != nil {
		return nil, &Error{Reason: ReasonMisconfigured, Err: err}
	}
	if config.ExecProvider != nil {
		m.login = &loginGuard{
			base: m.client.Transport, shared: p.login(loginID(config)), plugin: config.ExecProvider.Command,
			host: config.Host, timeout: o.LoginTimeout,
		}
		m.client.Transport = m.login
	}
	if m.rest, err = rest.UnversionedRESTClientForConfigAndClient(config, m.client); err != nil {
		return nil, &Error{Reason: ReasonMisconfigured, Err: err}
	}
	return m, nil
}

// unaddressed is the error of a cluster that cannot be addressed: because its
// configuration is no good, or because the hub that has it failed.
func unaddressed(err error) *Error {
	reason := ReasonMisconfigured
	if hub, is := errors.AsType[*Error](err); is {
		reason = hub.Reason
	}
	return &Error{Reason: reason, Err: err}
}

// Cluster is who this member is.
func (m *Member) Cluster() inventory.Cluster { return m.cluster }

// Server is the address that requests go to.
func (m *Member) Server() string { return m.host() }

// warnings hands the API server's Warning headers on.
type warnings struct{ m *Member }

func (w warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _ string, text string) {
	// 299 is the only code that API servers use (KEP-1693).
	if code == 299 && text != "" && w.m.options.Warn != nil {
		w.m.options.Warn(w.m.cluster, text)
	}
}
