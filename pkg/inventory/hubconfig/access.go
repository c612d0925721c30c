package hubconfig

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// Options are the same for all kubeconfigs of a hub.
type Options struct {
	// Hub has the Secrets.
	Hub inventory.Hub
	// Inventory names the hub in errors, as the flag does.
	Inventory string
	// Trust lets a kubeconfig do what one of the user's own may.
	Trust bool
	// As is who requests are made as; its zero value is whom the kubeconfig says.
	As rest.ImpersonationConfig
}

// Secret is where a kubeconfig is.
type Secret struct{ Namespace, Name, Key string }

// Access reaches a cluster by the kubeconfig in a Secret, which is read when it
// is needed first, and once.
type Access struct {
	options Options
	secret  Secret

	mu       sync.Mutex
	read     bool
	config   *rest.Config
	endpoint inventory.Endpoint
	err      error
}

var _ inventory.Identifier = &Access{}

// New returns an Access. Nothing is read.
func New(o Options, s Secret) *Access { return &Access{options: o, secret: s} }

// RESTConfig implements inventory.Accessor.
func (a *Access) RESTConfig(ctx context.Context) (*rest.Config, error) {
	if err := a.ensure(ctx); err != nil {
		return nil, err
	}
	config := rest.CopyConfig(a.config)
	if a.options.As.UserName != "" {
		config.Impersonate = a.options.As
	}
	return config, nil
}

// Identify implements inventory.Identifier.
func (a *Access) Identify(ctx context.Context) (server, identity string, err error) {
	if err := a.ensure(ctx); err != nil {
		return "", "", err
	}
	return a.endpoint.Server, a.endpoint.Identity(), nil
}

func (a *Access) ensure(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.read {
		return a.err
	}
	config, endpoint, err := a.parse(ctx)
	if err != nil && ctx.Err() != nil {
		return err // who gave up decides for nobody else
	}
	a.read, a.config, a.endpoint, a.err = true, config, endpoint, err
	return err
}

func (a *Access) parse(ctx context.Context) (*rest.Config, inventory.Endpoint, error) {
	var none inventory.Endpoint
	where := fmt.Sprintf("kubeconfig in Secret %s/%s of %s", a.secret.Namespace, a.secret.Name, a.options.Inventory)
	data, err := a.options.Hub.Secret(ctx, a.secret.Namespace, a.secret.Name)
	switch {
	case apierrors.IsNotFound(err):
		return nil, none, fmt.Errorf("%s: there is no such Secret", where)
	case err != nil:
		return nil, none, fmt.Errorf("%s: %w", where, err)
	case len(data[a.secret.Key]) == 0:
		return nil, none, fmt.Errorf("%s: it has no key %q%s", where, a.secret.Key, others(data))
	}
	config, endpoint, err := Parse(data[a.secret.Key], a.options.Trust)
	if err != nil {
		return nil, none, fmt.Errorf("%s: %w", where, err)
	}
	return config, endpoint, nil
}

// others lists the keys that there are.
func others(data map[string][]byte) string {
	if len(data) == 0 {
		return ""
	}
	keys := make([]string, 0, len(data))
	for key := range data {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return " but " + strings.Join(keys, ", ")
}
