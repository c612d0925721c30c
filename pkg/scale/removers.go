package scale

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
)

// Removers makes the ways in which nodes of a cluster may go, the first that claims
// a node first.
type Removers func(m *member.Member) []remove.Remover

// claims are what the removers of a cluster say of its nodes.
type claims struct {
	owners  map[string]v1alpha1.NodeOwner
	blocked map[string]v1alpha1.Blocker
	spare   map[types.UID]int64
}

// claim asks removers whose the nodes are.
func claim(ctx context.Context, removers []remove.Remover, nodes []*corev1.Node) (claims, error) {
	all := claims{owners: map[string]v1alpha1.NodeOwner{}, blocked: map[string]v1alpha1.Blocker{}, spare: map[types.UID]int64{}}
	left := nodes
	for _, remover := range removers {
		c, err := remover.Claim(ctx, left)
		if err != nil {
			return all, err
		}
		maps.Copy(all.owners, c.Owners)
		maps.Copy(all.blocked, c.Blocked)
		maps.Copy(all.spare, c.Spare)
		left = slices.DeleteFunc(slices.Clone(left), func(n *corev1.Node) bool {
			_, owned := all.owners[n.Name]
			_, blocked := all.blocked[n.Name]
			return owned || blocked
		})
	}
	for _, n := range left {
		why := "nobody is known who keeps it"
		if n.Spec.ProviderID != "" {
			why = fmt.Sprintf("its machine is %s, and nothing here can remove that", n.Spec.ProviderID)
		}
		all.blocked[n.Name] = v1alpha1.Blocker{
			Reason: "NoRemover", Message: why,
			Fix: "--remove-with hook=PROGRAM runs yours, --remove-with node deletes the Node object alone, --keep-nodes empties nodes and keeps them",
		}
	}
	return all, nil
}

// remover is the one of a name.
func (r *clusterRun) remover(name string) (remove.Remover, error) {
	for _, remover := range r.removers {
		if remover.Name() == name {
			return remover, nil
		}
	}
	return nil, &member.Error{Reason: member.ReasonMisconfigured, Err: fmt.Errorf("there is no way to remove nodes that is called %q here", name)}
}

// spares are how many nodes each owner can lose still.
func (c claims) spares() map[types.UID]int64 { return maps.Clone(c.spare) }

// spend takes a node from what its owner can lose. out is true if that is nothing.
func (c claims) spend(node string, spare map[types.UID]int64) (b v1alpha1.Blocker, out bool) {
	owner, owned := c.owners[node]
	left, limited := spare[owner.UID]
	if !owned || !limited {
		return b, false
	}
	if left <= 0 {
		return v1alpha1.Blocker{
			Reason: "AtMinimum", Object: owner.Kind + " " + owner.Namespace + "/" + owner.Name, Message: "it would fall below its minimum", Fix: "lower its minimum",
		}, true
	}
	spare[owner.UID]--
	return b, false
}

// refund gives back what a node that stays has taken.
func (c claims) refund(node string, spare map[types.UID]int64) {
	owner := c.owners[node]
	if _, limited := spare[owner.UID]; limited {
		spare[owner.UID]++
	}
}
