package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/clusterapi"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/clusterprofile"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/kubeconfig"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/kurator"
)

// inventoryRef is one value of --inventory: a provider and, where it is kept on
// a hub, the context of that.
type inventoryRef struct{ provider, hub string }

func (r inventoryRef) String() string {
	if r.hub == "" {
		return r.provider
	}
	return r.provider + "=" + r.hub
}

// hubProviders are the inventories that are kept on a hub.
func hubProviders() []string {
	return []string{karmada.ProviderName, kurator.ProviderName, clusterapi.ProviderName, clusterprofile.ProviderName}
}

// OnHubs is true where clusters are listed by more than the kubeconfig.
func (f *ClusterFlags) OnHubs() bool {
	refs, err := f.inventories()
	return err != nil || slices.ContainsFunc(refs, func(r inventoryRef) bool { return r.provider != kubeconfig.ProviderName })
}

// inventories reads --inventory; nothing means the kubeconfig.
func (f *ClusterFlags) inventories() ([]inventoryRef, error) {
	if len(f.inventory) == 0 {
		return []inventoryRef{{provider: kubeconfig.ProviderName}}, nil
	}
	var refs []inventoryRef
	for _, value := range f.inventory {
		provider, hub, named := strings.Cut(strings.TrimSpace(value), "=")
		r := inventoryRef{provider: provider, hub: hub}
		switch {
		case provider == kubeconfig.ProviderName && named:
			return nil, fmt.Errorf("--inventory %s: the kubeconfig is --kubeconfig; it takes no context", value)
		case provider == kubeconfig.ProviderName:
		case !slices.Contains(hubProviders(), provider):
			return nil, fmt.Errorf("--inventory %q: there are kubeconfig and, with the context of a hub, %s=CONTEXT", value, strings.Join(hubProviders(), "=CONTEXT, "))
		case hub == "":
			return nil, fmt.Errorf("--inventory %s: it needs the context of the hub: %s=CONTEXT", value, provider)
		}
		if !slices.Contains(refs, r) {
			refs = append(refs, r)
		}
	}
	return refs, nil
}

// inventoryListing is what all inventories together list.
type inventoryListing struct {
	clusters []inventory.Cluster
	// hubs are those that failed. Each stands for the clusters that it may have,
	// as one that fails: so no command takes what is left for the whole.
	hubs []inventory.Cluster
}

// list asks the inventories for their clusters: files first, then all hubs at
// once.
func (f *ClusterFlags) list(ctx context.Context) (inventoryListing, error) {
	var listing inventoryListing
	refs, err := f.inventories()
	if err != nil {
		return listing, err
	}
	config, err := f.kubeconfig()
	if err != nil {
		return listing, err
	}
	as, err := f.impersonation()
	if err != nil {
		return listing, err
	}
	contexts, err := kubeconfig.Provider{Config: config, As: as}.List(ctx)
	if err != nil {
		return listing, err
	}
	hubs, err := f.hubs(refs, contexts)
	if err != nil {
		return listing, err
	}
	listed := make([][]inventory.Cluster, len(refs))
	for i, r := range refs {
		if r.hub == "" {
			if listed[i], err = f.listKubeconfig(ctx, config, as); err != nil {
				return listing, err
			}
		}
	}
	reader, err := f.hubReader(refs, contexts, as)
	if err != nil {
		return listing, err
	}
	for i, result := range reader.list(ctx, hubs) {
		at := slices.IndexFunc(refs, func(r inventoryRef) bool { return r.String() == hubs[i].Name })
		listed[at] = result.Value
		if result.Err != nil {
			failed := hubs[i]
			failed.Access = inventory.NoAccess{Err: result.Err}
			listing.hubs = append(listing.hubs, failed)
		}
	}
	if ctx.Err() != nil {
		return listing, context.Cause(ctx)
	}
	if len(refs) > 1 {
		reader.identify(ctx, listed)
	}
	listing.clusters = inventory.Merge(listed...)
	if len(hubs) > 0 && len(listing.clusters)+len(listing.hubs) == 0 {
		empty := &Error{Code: ExitFailed, Err: fmt.Errorf("no clusters are listed by %s", strings.Join(f.inventory, ", "))}
		if ref := f.SoleHub(); ref != "" {
			empty.Hint = f.env.DisplayName() + " join CONTEXT --to " + ref + " lets one join it"
		}
		return listing, empty
	}
	return listing, inventory.ValidateNames(listing.clusters)
}

// hubs finds the contexts that --inventory names.
func (f *ClusterFlags) hubs(refs []inventoryRef, contexts []inventory.Cluster) ([]inventory.Cluster, error) {
	var hubs []inventory.Cluster
	withKubeconfig := false
	for _, r := range refs {
		if r.hub == "" {
			withKubeconfig = true
			continue
		}
		hub, err := byContext(contexts, r.hub)
		if err != nil {
			return nil, fmt.Errorf("--inventory %s: %w", r, err)
		}
		hub.Name, hub.Provider = r.String(), r.String()
		hubs = append(hubs, hub)
	}
	if len(hubs) > 0 && *f.config.Context != "" {
		return nil, errors.New("--context means one cluster of the kubeconfig; it cannot be combined with --inventory of a hub")
	}
	if !withKubeconfig && f.flags.Changed("fleet") {
		return nil, errors.New("--fleet is a fleet of the fleet file; it needs the inventory kubeconfig")
	}
	return hubs, nil
}

// byContext finds a cluster by the name of its context, never by a member name
// or a pattern.
func byContext(listed []inventory.Cluster, context string) (inventory.Cluster, error) {
	for _, c := range listed {
		if c.Context == context {
			return c, nil
		}
	}
	_, err := inventory.Selector{Names: []string{context}}.Select(listed)
	if err == nil {
		err = &inventory.UnknownClusterError{Name: context}
	}
	return inventory.Cluster{}, err
}
