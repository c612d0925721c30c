package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/clusterapi"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/clusterprofile"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/hubconfig"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/karmada"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/kubeconfig"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/kurator"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// hubReader reads inventories that are kept on hubs.
type hubReader struct {
	flags    *ClusterFlags
	contexts []inventory.Cluster
	programs clusterprofile.Programs
	as       rest.ImpersonationConfig
}

func (f *ClusterFlags) hubReader(refs []inventoryRef, contexts []inventory.Cluster, as kubeconfig.Impersonation) (*hubReader, error) {
	r := &hubReader{
		flags: f, contexts: contexts,
		as: rest.ImpersonationConfig{UserName: as.User, UID: as.UID, Groups: as.Groups, Extra: as.Extra},
	}
	if !slices.ContainsFunc(refs, func(r inventoryRef) bool { return r.provider == clusterprofile.ProviderName }) {
		if f.programs != "" {
			return nil, errors.New("--" + programsFlag + " is for --inventory clusterprofile=CONTEXT")
		}
		return r, nil
	}
	path := f.programs
	if path == "" {
		path = f.env.Getenv(ProgramsVariable)
	}
	if path == "" {
		return r, nil
	}
	var err error
	r.programs, err = clusterprofile.ReadProgramsFile(path)
	return r, err
}

// list asks every hub for its clusters, all at once.
func (r *hubReader) list(ctx context.Context, hubs []inventory.Cluster) fanout.Results[[]inventory.Cluster] {
	if len(hubs) == 0 {
		return nil
	}
	s := Selection{
		Clusters: hubs,
		// What a hub warns of is our way of asking, which is no matter of the user's.
		Members: r.flags.members(len(hubs) > 1, nil),
		Fanout:  fanout.Options{Concurrency: r.flags.concurrency},
	}
	if r.flags.prompts {
		s.logIn(ctx)
	}
	line := s.ShowWaiting(r.flags.env)
	defer line.Done()
	return fanout.Collect(ctx, s.Clusters, s.Fanout, func(ctx context.Context, hub inventory.Cluster) ([]inventory.Cluster, error) {
		if !r.flags.prompts && s.prompting(ctx, hub) != nil {
			return nil, errors.New("its login would ask a person")
		}
		return r.provider(hub, s.Members).List(ctx)
	})
}

// provider is the inventory that a hub, named after it, keeps.
func (r *hubReader) provider(hub inventory.Cluster, members *member.Pool) inventory.Provider {
	way := members.Hub(hub)
	secrets := hubconfig.Options{Hub: way, Inventory: hub.Name, Trust: r.flags.trust, As: r.as}
	switch kind, _, _ := strings.Cut(hub.Name, "="); kind {
	case karmada.ProviderName:
		return karmada.Provider{Inventory: hub.Name, Hub: way, Contexts: r.contexts}
	case kurator.ProviderName:
		return kurator.Provider{Secrets: secrets}
	case clusterapi.ProviderName:
		return clusterapi.Provider{Secrets: secrets}
	default:
		return clusterprofile.Provider{Inventory: hub.Name, Hub: way, Programs: r.programs, Trust: r.flags.trust, As: r.as}
	}
}

// identify asks the hubs for what tells whether clusters of different
// inventories are the same. Where it cannot be known they are not.
func (r *hubReader) identify(ctx context.Context, listed [][]inventory.Cluster) {
	var unknown []inventory.Cluster
	var at []*inventory.Cluster
	for _, list := range listed {
		for i := range list {
			if _, can := list[i].Access.(inventory.Identifier); can {
				unknown = append(unknown, list[i])
				at = append(at, &list[i])
			}
		}
	}
	for i, identified := range fanout.Each(ctx, unknown, fanout.Options{Concurrency: r.flags.concurrency}, identify) {
		at[i].Server, at[i].Identity = identified.Value.Server, identified.Value.Identity
	}
}

func identify(ctx context.Context, c inventory.Cluster) (inventory.Cluster, error) {
	way, can := c.Access.(inventory.Identifier)
	if !can {
		return c, nil
	}
	server, identity, err := way.Identify(ctx)
	if err == nil {
		c.Server, c.Identity = server, identity
	}
	return c, err
}
