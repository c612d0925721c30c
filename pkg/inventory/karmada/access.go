package karmada

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// access reaches a member by the user's own context of it, or else through the
// control plane.
type access struct {
	provider Provider
	// cluster is the name of the Cluster object.
	cluster string
	// endpoint is the member's, without its CA: that is in the Secret.
	endpoint inventory.Endpoint
	// secret is the namespace and name of the member's Secret.
	secret [2]string

	mu   sync.Mutex
	read bool
	err  error
}

var _ inventory.Identifier = &access{}

// RESTConfig implements inventory.Accessor.
func (a *access) RESTConfig(ctx context.Context) (*rest.Config, error) {
	own, err := a.context(ctx)
	if err != nil {
		return nil, err
	}
	if own != nil {
		return byContext(ctx, own)
	}
	if reasons := content.IsPathSegmentName(a.cluster); len(reasons) > 0 {
		return nil, fmt.Errorf("%s has a Cluster %q: %s", a.provider.Inventory, a.cluster, reasons[0])
	}
	config, err := a.provider.Hub.RESTConfig(ctx)
	if err != nil {
		return nil, err
	}
	// https://karmada.io/docs/userguide/globalview/aggregated-api-endpoint
	config.Host = strings.TrimRight(config.Host, "/") + "/apis/cluster.karmada.io/v1alpha1/clusters/" + a.cluster + "/proxy"
	return config, nil
}

// byContext is the way through a context. Its login must not ask on a terminal
// where others may be asking; by the context itself it may.
func byContext(ctx context.Context, own *inventory.Cluster) (*rest.Config, error) {
	config, err := own.Access.RESTConfig(ctx)
	if err == nil && config.ExecProvider != nil {
		config.ExecProvider = config.ExecProvider.DeepCopy()
		config.ExecProvider.StdinUnavailable = true
		config.ExecProvider.StdinUnavailableMessage = fmt.Sprintf("log in by --context %s first", own.Context)
	}
	return config, err
}

// context is the user's own way to the member: a context with the address and
// the CA that Karmada itself uses. The address alone would not do, since
// somebody else's cluster may have it elsewhere; so without a context of the same
// address nothing is read, and with one that cannot be checked it is not used.
func (a *access) context(ctx context.Context) (*inventory.Cluster, error) {
	sameServer := func(c inventory.Cluster) bool {
		return inventory.NormalServer(c.Server) == inventory.NormalServer(a.endpoint.Server)
	}
	if a.endpoint.Server == "" || !slices.ContainsFunc(a.provider.Contexts, sameServer) {
		return nil, nil
	}
	_, identity, err := a.Identify(ctx)
	if ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		return nil, nil //nolint:nilerr // there is the other way, and whoever may not read Secrets may use that
	}
	if i := slices.IndexFunc(a.provider.Contexts, func(c inventory.Cluster) bool { return c.Identity == identity }); i >= 0 {
		return &a.provider.Contexts[i], nil
	}
	return nil, nil
}

// Identify implements inventory.Identifier.
func (a *access) Identify(ctx context.Context) (server, identity string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.read {
		err := a.readCA(ctx)
		if err != nil && ctx.Err() != nil {
			return "", "", err
		}
		a.read, a.err = true, err
	}
	if a.err != nil {
		return "", "", a.err
	}
	return a.endpoint.Server, a.endpoint.Identity(), nil
}

func (a *access) readCA(ctx context.Context) error {
	if a.endpoint.Server == "" || a.secret[1] == "" {
		return errors.New("it has no address, or no Secret")
	}
	data, err := a.provider.Hub.Secret(ctx, a.secret[0], a.secret[1])
	a.endpoint.CA = data["caBundle"]
	return err
}
