package scale

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// ClusterPools are what keeps the nodes of one cluster.
type ClusterPools struct {
	// UID is the cluster's.
	UID   string
	Pools []remove.Pool
}

// Pools finds what keeps the nodes of clusters, and can be given another count.
// Nothing is written.
func Pools(ctx context.Context, f Fleet, removers Removers) fanout.Results[ClusterPools] {
	results := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (ClusterPools, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return ClusterPools{}, err
		}
		s, err := snapshot.ReadNodes(ctx, m)
		if err != nil {
			return ClusterPools{}, err
		}
		pools, err := poolsOf(ctx, removers(m), s.Nodes)
		return ClusterPools{s.UID, pools}, err
	})
	results.RefuseTwins(func(p ClusterPools) string { return p.UID })
	return results
}

// poolsOf asks all ways in which a cluster gets nodes for their pools.
func poolsOf(ctx context.Context, removers []remove.Remover, nodes []*corev1.Node) ([]remove.Pool, error) {
	var all []remove.Pool
	for _, remover := range removers {
		grower, can := remover.(remove.Grower)
		if !can {
			continue
		}
		pools, err := grower.Pools(ctx, nodes)
		if err != nil {
			return nil, err
		}
		all = append(all, pools...)
	}
	return all, nil
}

// membersOf are the nodes of the pools of a name; nil if nobody keeps such a pool.
func membersOf(ctx context.Context, removers []remove.Remover, nodes []*corev1.Node, name string) ([]string, error) {
	pools, err := poolsOf(ctx, removers, nodes)
	if err != nil {
		return nil, err
	}
	var members []string
	for _, p := range pools {
		if p.Name == name {
			members = slices.Concat([]string{}, members, p.Nodes)
		}
	}
	return members, nil
}
