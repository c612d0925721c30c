package kubeconfig

import (
	"cmp"
	"context"
	"slices"

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
	if p.Fleet == nil {
		names := inventory.MemberNames(p.Config.contexts())
		clusters := make([]inventory.Cluster, 0, len(names))
		for _, c := range p.Config.contexts() {
			clusters = append(clusters, p.cluster(c, names[c], nil))
		}
		return clusters, nil
	}
	// A context has the same derived name in a fleet as outside of any.
	all := slices.Clone(p.Config.contexts())
	for _, m := range p.Fleet.Members {
		if !slices.Contains(all, m.Context) {
			all = append(all, m.Context)
		}
	}
	names := inventory.MemberNames(all)
	clusters := make([]inventory.Cluster, 0, len(p.Fleet.Members))
	for _, m := range p.Fleet.Members {
		c := p.cluster(m.Context, cmp.Or(m.Name, names[m.Context]), m.Labels)
		c.Server = cmp.Or(c.Server, m.Server)
		c.UID = m.ClusterUID
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
