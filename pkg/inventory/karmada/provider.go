// Package karmada lists the member clusters of a Karmada control plane. They are
// reached by a context of the user's own where one leads to the same server, and
// else through the control plane, which needs no credential of the member.
package karmada

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// ProviderName is this inventory's name in flags.
const ProviderName = "karmada"

const clusters = "clusters.cluster.karmada.io"

// Provider lists the clusters of one control plane.
type Provider struct {
	// Inventory is the provider with its hub, as the flag names it.
	Inventory string
	Hub       inventory.Hub
	// Contexts are the clusters of the user's kubeconfig.
	Contexts []inventory.Cluster
}

var _ inventory.Provider = Provider{}

// Name implements inventory.Provider.
func (p Provider) Name() string { return p.Inventory }

// List implements inventory.Provider.
func (p Provider) List(ctx context.Context) ([]inventory.Cluster, error) {
	objects, err := inventory.Entries(ctx, p.Hub, clusters, "Karmada control plane")
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
	text := func(fields ...string) string {
		value, _, _ := unstructured.NestedString(o.Object, fields...)
		return value
	}
	insecure, _, _ := unstructured.NestedBool(o.Object, "spec", "insecureSkipTLSVerification")
	c := inventory.Cluster{
		Name: name, Provider: p.Inventory, Labels: labelsOf(o),
		Server: text("spec", "apiEndpoint"),
		UID:    text("spec", "id"),
	}
	listing := inventory.Listing{Inventory: p.Inventory, Object: inventory.ObjectPath(o)}
	listing.Claim, listing.Message = inventory.Condition(o, "Ready")
	c.Listings = []inventory.Listing{listing}
	c.Access = &access{
		provider: p, cluster: o.GetName(),
		endpoint: inventory.Endpoint{Server: c.Server, ProxyURL: text("spec", "proxyURL"), Insecure: insecure},
		secret:   [2]string{text("spec", "secretRef", "namespace"), text("spec", "secretRef", "name")},
	}
	return c
}

// labelsOf are the labels of a Cluster and, under the names by which Karmada's
// policies select fields, where it is. A cluster of several zones has no zone.
func labelsOf(o *unstructured.Unstructured) labels.Set {
	set := inventory.ObjectLabels(o)
	place := map[string]string{}
	for _, field := range []string{"provider", "region", "zone"} {
		place[field], _, _ = unstructured.NestedString(o.Object, "spec", field)
	}
	if zones, _, _ := unstructured.NestedStringSlice(o.Object, "spec", "zones"); len(zones) == 1 {
		place["zone"] = zones[0]
	}
	for key, value := range place {
		if _, own := set[key]; !own && value != "" {
			set[key] = value
		}
	}
	return set
}
