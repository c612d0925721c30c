package cli

import (
	"context"
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/kubeconfig"
)

// SoleHub is the one Karmada control plane that the clusters are listed by, as
// karmada=CONTEXT; empty if they are listed otherwise, too.
func (f *ClusterFlags) SoleHub() string {
	refs, err := f.inventories()
	if err != nil || len(refs) != 1 || refs[0].provider != karmada.ProviderName {
		return ""
	}
	return refs[0].String()
}

// Hub is the control plane of a context, which is none of the clusters that are
// selected. Its name is flag=context, as an inventory's is.
func (f *ClusterFlags) Hub(ctx context.Context, name string) (inventory.Cluster, error) {
	config, err := f.silenced().kubeconfig()
	if err != nil {
		return inventory.Cluster{}, err
	}
	as, err := f.impersonation()
	if err != nil {
		return inventory.Cluster{}, err
	}
	contexts, err := kubeconfig.Provider{Config: config, As: as}.List(ctx)
	if err != nil {
		return inventory.Cluster{}, err
	}
	hub, err := byContext(contexts, name)
	if err != nil {
		return inventory.Cluster{}, fmt.Errorf("karmada=%s: %w", name, err)
	}
	hub.Name = karmada.ProviderName + "=" + name
	return hub, nil
}
