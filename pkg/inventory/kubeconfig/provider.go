package kubeconfig

import (
	"context"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// ProviderName is this inventory's name in flags and in the roster.
const ProviderName = "kubeconfig"

// Provider lists contexts of a kubeconfig.
type Provider struct {
	// Config is the loaded kubeconfig.
	Config *Config
	// Fleet narrows the listing to its members and gives their names and
	// labels. Nil: every context, without labels.
	Fleet *v1alpha1.Fleet
	// As is who requests are made as, where the user asked for impersonation.
	As Impersonation
}

var _ inventory.Provider = Provider{}

// Name implements inventory.Provider.
func (Provider) Name() string { return ProviderName }

// List implements inventory.Provider: the current context first, then the
// contexts in the order in which the files have them. A member of the fleet
// whose context is gone is listed too, so that it is a failed row and not a
// silent absence.
func (p Provider) List(context.Context) ([]inventory.Cluster, error) {
	names := inventory.MemberNames(p.Config.contexts())
	if p.Fleet == nil {
		clusters := make([]inventory.Cluster, 0, len(names))
		for _, c := range p.Config.contexts() {
			clusters = append(clusters, p.cluster(c, names[c], nil))
		}
		return clusters, nil
	}
	clusters := make([]inventory.Cluster, 0, len(p.Fleet.Members))
	for _, m := range p.Fleet.Members {
		name := m.Name
		if name == "" {
			name = inventory.MemberNames([]string{m.Context})[m.Context]
		}
		c := p.cluster(m.Context, name, m.Labels)
		if c.Server == "" {
			c.Server = m.Server
		}
		clusters = append(clusters, c)
	}
	return clusters, nil
}

func (p Provider) cluster(contextName, memberName string, memberLabels labels.Set) inventory.Cluster {
	c := inventory.Cluster{
		Name:     memberName,
		Provider: ProviderName,
		Context:  contextName,
		Labels:   memberLabels,
		Access:   access{config: p.Config.only(contextName), context: contextName, as: p.As},
	}
	if kubeContext := p.Config.merged.Contexts[contextName]; kubeContext != nil {
		c.Namespace = kubeContext.Namespace
		if cluster := p.Config.merged.Clusters[kubeContext.Cluster]; cluster != nil {
			c.Server = cluster.Server
			c.Identity, c.Ambiguous = p.Config.identity(cluster, p.Config.merged.AuthInfos[kubeContext.AuthInfo])
		}
	}
	return c
}
