package scale

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
)

// MayDown refuses clusters in which the user lacks a right that Down needs and planning
// does not. It would come out when a node is cordoned, or empty already.
func MayDown(ctx context.Context, f Fleet, s Settings) fanout.Results[struct{}] {
	return fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, m.MayAll(ctx, append(leavingAccesses(s.StateNamespace, s.Journal), member.Access{
			Verbs: []string{"create"}, Resource: "secrets", Namespace: s.StateNamespace, Why: remembersRun,
		}))
	})
}

const remembersRun = ", in which the cluster remembers the run"

// leavingAccesses are what nodes need to leave, beside what it takes to plan that.
func leavingAccesses(stateNamespace string, o journal.Options) []member.Access {
	nodes := []string{"get", "update"}
	if o.Remover == remove.NodeName && !o.KeepNodes { // others have ways of their own
		nodes = append(nodes, "delete")
	}
	return []member.Access{
		{Verbs: nodes, Resource: "nodes"},
		{Verbs: []string{"create"}, Resource: "pods", Subresource: "eviction"},
		{Verbs: []string{"watch"}, Resource: "pods"},
		{Verbs: []string{"watch"}, Group: "policy", Resource: "poddisruptionbudgets"},
		{Verbs: []string{"get", "update"}, Resource: "secrets", Namespace: stateNamespace, Why: remembersRun},
		{Verbs: []string{"create", "update", "delete"}, Group: "coordination.k8s.io", Resource: "leases", Namespace: stateNamespace, Why: remembersRun},
	}
}
