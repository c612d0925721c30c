// Package clusterapi lists the workload clusters of a Cluster API management
// cluster. Each is reached by the kubeconfig that Cluster API itself keeps.
package clusterapi

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/hubconfig"
)

// ProviderName is this inventory's name in flags.
const ProviderName = "clusterapi"

// clusters of whichever version the hub prefers: what is read of them is the
// same in v1beta1 and v1beta2.
const clusters = "clusters.cluster.x-k8s.io"

// Provider lists the clusters of one management cluster.
type Provider struct {
	// Secrets has the hub, and says how its kubeconfigs are read.
	Secrets hubconfig.Options
}

var _ inventory.Provider = Provider{}

// Name implements inventory.Provider.
func (p Provider) Name() string { return p.Secrets.Inventory }

// List implements inventory.Provider: the clusters of all namespaces.
func (p Provider) List(ctx context.Context) ([]inventory.Cluster, error) {
	objects, err := inventory.Entries(ctx, p.Secrets.Hub, clusters, "Cluster API management cluster")
	if err != nil {
		return nil, err
	}
	names := inventory.NamesOf(objects)
	listed := make([]inventory.Cluster, len(objects))
	for i := range objects {
		o := &objects[i]
		listed[i] = inventory.Cluster{
			Name: names[i], Provider: p.Name(), Labels: inventory.ObjectLabels(o),
			Listings: []inventory.Listing{p.listing(o)},
			// https://cluster-api.sigs.k8s.io/developer/core/controllers/cluster
			Access: hubconfig.New(p.Secrets, hubconfig.Secret{Namespace: o.GetNamespace(), Name: o.GetName() + "-kubeconfig", Key: "value"}),
		}
	}
	return listed, nil
}

func (p Provider) listing(o *unstructured.Unstructured) inventory.Listing {
	phase, _, _ := unstructured.NestedString(o.Object, "status", "phase")
	l := inventory.Listing{Inventory: p.Name(), Object: inventory.ObjectPath(o), Claim: phase}
	// v1beta2 calls it Available, v1beta1 Ready.
	for _, condition := range []string{"Available", "Ready"} {
		if claim, message := inventory.Condition(o, condition); claim != "" {
			l.Claim, l.Message = claim, message
			if phase != "" && phase != "Provisioned" {
				l.Claim = phase // Provisioning, Deleting, Failed: what it is about says more
			}
			break
		}
	}
	return l
}
