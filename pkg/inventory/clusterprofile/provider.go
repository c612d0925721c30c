// Package clusterprofile lists the ClusterProfiles of a hub (KEP-4322). A profile
// has an address and the names of access providers, and no credentials: those
// come from programs that the user's own file names.
package clusterprofile

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	apiv1 "k8s.io/client-go/tools/clientcmd/api/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// ProviderName is this inventory's name in flags.
const ProviderName = "clusterprofile"

const profiles = "clusterprofiles.multicluster.x-k8s.io"

// Provider lists the profiles of one hub.
type Provider struct {
	// Inventory is the provider with its hub, as the flag names it.
	Inventory string
	Hub       inventory.Hub
	// Programs give the credentials.
	Programs Programs
	// Trust lets a profile leave its server unverified, or name a proxy.
	Trust bool
	// As is who requests are made as; its zero value is nobody else.
	As rest.ImpersonationConfig
}

var _ inventory.Provider = Provider{}

// Name implements inventory.Provider.
func (p Provider) Name() string { return p.Inventory }

// List implements inventory.Provider: the profiles of all namespaces.
func (p Provider) List(ctx context.Context) ([]inventory.Cluster, error) {
	objects, err := inventory.Entries(ctx, p.Hub, profiles, "hub of ClusterProfiles")
	if err != nil {
		return nil, err
	}
	names := inventory.NamesOf(objects)
	listed := make([]inventory.Cluster, len(objects))
	for i := range objects {
		listed[i] = p.cluster(names[i], &objects[i])
	}
	return listed, nil
}

func (p Provider) cluster(name string, o *unstructured.Unstructured) inventory.Cluster {
	listing := inventory.Listing{Inventory: p.Inventory, Object: inventory.ObjectPath(o)}
	listing.Claim, listing.Message = inventory.Condition(o, "ControlPlaneHealthy")
	c := inventory.Cluster{
		Name: name, Provider: p.Inventory, Labels: inventory.ObjectLabels(o),
		Listings: []inventory.Listing{listing},
	}
	reached, err := p.access(o)
	if err != nil {
		c.Access = inventory.NoAccess{Err: fmt.Errorf("%s of %s: %w", listing.Object, p.Inventory, err)}
		return c
	}
	c.Server, c.Identity, c.Access = reached.endpoint.Server, reached.endpoint.Identity(), reached
	return c
}

// offer is an access provider of a profile.
type offer struct {
	Name    string        `json:"name"`
	Cluster apiv1.Cluster `json:"cluster"`
}

// offersOf reads a profile's access providers, which were called
// credentialProviders at first.
func offersOf(o *unstructured.Unstructured) ([]offer, error) {
	var profile struct {
		Status struct {
			AccessProviders     []offer `json:"accessProviders"`
			CredentialProviders []offer `json:"credentialProviders"`
		} `json:"status"`
	}
	raw, err := json.Marshal(o.Object)
	if err == nil {
		err = json.Unmarshal(raw, &profile)
	}
	return append(profile.Status.AccessProviders, profile.Status.CredentialProviders...), err
}
