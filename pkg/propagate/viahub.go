package propagate

import (
	"context"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/hub"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

// HubRequest is what is brought to the clusters of a hub, by it.
type HubRequest struct {
	Hub inventory.Cluster
	// Rendered are the objects of each cluster, and Karmada's policies if there are
	// any.
	Rendered []render.Cluster
	// Weights divide replicas; that is left to the hub.
	Weights []weight.Weight
	Options direct.Options
}

// PlanHub plans on a hub. Nothing is written. Clusters are known by their UIDs:
// those of which none is recorded are asked.
func PlanHub(ctx context.Context, f Fleet, r HubRequest) (*hub.Plan, []fanout.Failure) {
	identified := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (string, error) {
		if c.UID != "" {
			return c.UID, nil
		}
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return "", err
		}
		identity, err := m.Identity(ctx)
		return identity.UID, err
	})
	if failures := identified.Failures(nil); len(failures) > 0 {
		return nil, failures
	}
	request := hub.Request{Rendered: r.Rendered, Weights: r.Weights, Options: r.Options, Clusters: slices.Clone(f.Clusters)}
	for i := range request.Clusters {
		request.Clusters[i].UID = identified[i].Value
	}
	m, err := f.Members.Member(ctx, r.Hub)
	if err == nil {
		var plan *hub.Plan
		if plan, err = hub.PlanHub(ctx, m, request); err == nil {
			return plan, nil
		}
	}
	return nil, []fanout.Failure{{Cluster: r.Hub.Name, Err: err}}
}
