package scale

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// MayDown refuses clusters in which the user lacks a right that Down needs and planning
// does not. It would come out when a node is cordoned, or empty already.
func MayDown(ctx context.Context, f Fleet, s Settings) fanout.Results[struct{}] {
	return may(ctx, f, append(leavingAccesses(s.Journal), rememberingAccesses(s.StateNamespace, "get", "create", "update")...))
}

// MayUp refuses clusters in which the user lacks a right that Up needs and planning does
// not. It would come out when the pool has its count already.
func MayUp(ctx context.Context, f Fleet, s Settings) fanout.Results[struct{}] {
	return may(ctx, f, append(comingAccesses(), rememberingAccesses(s.StateNamespace, "get", "create", "update")...))
}

func may(ctx context.Context, f Fleet, accesses []member.Access) fanout.Results[struct{}] {
	return fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, m.MayAll(ctx, accesses)
	})
}

// mayResume refuses somebody who lacks a right that it takes to go on with a run: a plan
// that is made anew has shown nothing yet.
func mayResume(ctx context.Context, m *member.Member, j *journal.Run, stateNamespace string) error {
	if _, err := m.Identity(ctx); err != nil { // which a role may allow by its name alone
		return err
	}
	accesses := rememberingAccesses(stateNamespace, "get", "update")
	if j.Growth != nil {
		return m.MayAll(ctx, append(comingAccesses(), accesses...))
	}
	return m.MayAll(ctx, append(append(snapshot.Accesses(), leavingAccesses(j.Options)...), accesses...))
}

// rememberingAccesses are what it takes to remember a run, under a lock.
func rememberingAccesses(namespace string, secrets ...string) []member.Access {
	const why = ", in which the cluster remembers the run"
	return []member.Access{
		{Verbs: secrets, Resource: "secrets", Namespace: namespace, Why: why},
		{Verbs: []string{"create", "update", "delete"}, Group: "coordination.k8s.io", Resource: "leases", Namespace: namespace, Why: why},
	}
}

// leavingAccesses are what nodes need to leave, beside what it takes to plan that.
func leavingAccesses(o journal.Options) []member.Access {
	nodes := []string{"get", "update"}
	if o.Remover == remove.NodeName && !o.KeepNodes { // others have ways of their own
		nodes = append(nodes, "delete")
	}
	return []member.Access{
		{Verbs: nodes, Resource: "nodes"},
		{Verbs: []string{"create"}, Resource: "pods", Subresource: "eviction"},
		{Verbs: []string{"watch"}, Resource: "pods"},
		{Verbs: []string{"watch"}, Group: "policy", Resource: "poddisruptionbudgets"},
	}
}

// comingAccesses are what it takes to see that new nodes take pods.
func comingAccesses() []member.Access {
	return []member.Access{
		{Verbs: []string{"list"}, Resource: "nodes"},
		{Verbs: []string{"list"}, Resource: "pods"},
		{Verbs: []string{"list"}, Group: "apps", Resource: "daemonsets"},
	}
}
