package kubeconfig

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// Impersonation is who requests are made as: the flags --as, --as-uid,
// --as-group and --as-user-extra. The zero value impersonates nobody beyond
// what the kubeconfig says.
type Impersonation struct {
	User   string
	UID    string
	Groups []string
	Extra  map[string][]string
}

// access reaches a cluster through one context.
type access struct {
	// config holds nothing but that context.
	config  *api.Config
	context string
	as      Impersonation
}

var _ inventory.Accessor = access{}

// RESTConfig implements inventory.Accessor. clientcmd does all of it, so that
// exec plugins, proxies, client certificates and TLS server names mean what
// they mean to kubectl.
func (a access) RESTConfig(context.Context) (*rest.Config, error) {
	kubeContext := a.config.Contexts[a.context]
	if kubeContext == nil {
		return nil, fmt.Errorf("context %q is not in the kubeconfig", a.context)
	}
	if a.config.Clusters[kubeContext.Cluster] == nil {
		return nil, fmt.Errorf("context %q: cluster %q is not in the kubeconfig", a.context, kubeContext.Cluster)
	}
	if user := kubeContext.AuthInfo; user != "" && a.config.AuthInfos[user] == nil {
		// clientcmd would ask as nobody.
		return nil, fmt.Errorf("context %q: user %q is not in the kubeconfig", a.context, user)
	}
	overrides := &clientcmd.ConfigOverrides{AuthInfo: api.AuthInfo{
		Impersonate:          a.as.User,
		ImpersonateUID:       a.as.UID,
		ImpersonateGroups:    a.as.Groups,
		ImpersonateUserExtra: a.as.Extra,
	}}
	return clientcmd.NewNonInteractiveClientConfig(*a.config.DeepCopy(), a.context, overrides, nil).ClientConfig()
}
