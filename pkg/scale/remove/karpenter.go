package remove

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// KarpenterName is the name of the remover Karpenter.
const KarpenterName = "karpenter"

// What Karpenter calls things.
const (
	karpenterGroup = "karpenter.sh"
	nodeClaims     = "nodeclaims." + karpenterGroup
	nodePools      = "nodepools." + karpenterGroup
	nodePoolLabel  = karpenterGroup + "/nodepool"
	kindNodePool   = "NodePool"
	kindNodeClaim  = "NodeClaim"
)

// Karpenter removes nodes that Karpenter has made: it deletes their NodeClaims. A
// pool that has as many as its pods need does not put another in their place, as long
// as no pod waits for one.
type Karpenter struct {
	Member *member.Member
}

// Name implements Remover.
func (*Karpenter) Name() string { return KarpenterName }

// claimed is what Karpenter says of a cluster's nodes.
type claimed struct {
	claims []unstructured.Unstructured
	pools  []unstructured.Unstructured
}

// claim is the NodeClaim of a node.
func (c claimed) claim(node string) *unstructured.Unstructured {
	return find(c.claims, func(o *unstructured.Unstructured) bool { return text(o, "status", "nodeName") == node })
}

// pool is the NodePool of a name.
func (c claimed) pool(name string) *unstructured.Unstructured {
	return find(c.pools, func(o *unstructured.Unstructured) bool { return o.GetName() == name })
}

// find is the first of those that are meant; nil if there is none.
func find(objects []unstructured.Unstructured, meant func(o *unstructured.Unstructured) bool) *unstructured.Unstructured {
	for i := range objects {
		if meant(&objects[i]) {
			return &objects[i]
		}
	}
	return nil
}

// read reads NodeClaims and NodePools. A cluster without Karpenter has none.
func (r *Karpenter) read(ctx context.Context) (claimed, error) {
	var c claimed
	for typed, objects := range map[string]*[]unstructured.Unstructured{nodeClaims: &c.claims, nodePools: &c.pools} {
		resource, err := resourceOf(ctx, r.Member, typed)
		if member.ReasonOf(err) == member.ReasonNotInstalled {
			continue
		}
		if err != nil {
			return c, err
		}
		if *objects, err = list(ctx, r.Member, member.ListRequest{Resource: resource}); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Claim implements Remover.
func (r *Karpenter) Claim(ctx context.Context, nodes []*corev1.Node) (Claims, error) {
	c := Claims{Owners: map[string]v1alpha1.NodeOwner{}, Blocked: map[string]v1alpha1.Blocker{}}
	if !slices.ContainsFunc(nodes, isKarpenters) {
		return c, nil
	}
	all, err := r.read(ctx)
	if err != nil {
		return c, err
	}
	for _, n := range nodes {
		if !isKarpenters(n) {
			continue
		}
		if b := all.block(n); b != nil {
			c.Blocked[n.Name] = *b
			continue
		}
		c.Owners[n.Name] = all.owner(n)
	}
	return c, nil
}

func isKarpenters(n *corev1.Node) bool {
	_, is := n.Labels[nodePoolLabel]
	return is
}

// block is what keeps a node from going.
func (c claimed) block(n *corev1.Node) *v1alpha1.Blocker {
	pool := kindNodePool + " " + n.Labels[nodePoolLabel]
	claim := c.claim(n.Name)
	switch {
	case claim == nil || text(claim, "status", "providerID") != n.Spec.ProviderID:
		return &v1alpha1.Blocker{Reason: "NotItsMachine", Object: pool, Message: "Karpenter has no NodeClaim for it", Fix: "look whether Karpenter runs here"}
	case claim.GetDeletionTimestamp() != nil:
		return &v1alpha1.Blocker{Reason: "Deleting", Object: kindNodeClaim + " " + claim.GetName(), Message: "Karpenter is removing it"}
	case c.static(n.Labels[nodePoolLabel]):
		return &v1alpha1.Blocker{
			Reason: "StaticPool", Object: pool, Message: "it has a fixed count, and Karpenter would make another node in its place",
			Fix: "this is not supported yet: empty the node with --keep-nodes, then lower spec.replicas of the NodePool: Karpenter takes empty nodes first",
		}
	}
	return nil
}

// static is true for a pool that has a count of its own.
func (c claimed) static(name string) bool {
	pool := c.pool(name)
	if pool == nil {
		return false
	}
	_, has, _ := unstructured.NestedFieldNoCopy(pool.Object, "spec", "replicas")
	return has
}

// owner is the pool of a node; of a node whose pool is gone, its NodeClaim.
func (c claimed) owner(n *corev1.Node) v1alpha1.NodeOwner {
	o, kind := c.pool(n.Labels[nodePoolLabel]), kindNodePool
	if o == nil {
		o, kind = c.claim(n.Name), kindNodeClaim
	}
	return v1alpha1.NodeOwner{Remover: KarpenterName, APIVersion: o.GetAPIVersion(), Kind: kind, Name: o.GetName(), UID: o.GetUID()}
}

// size is how many nodes of a pool there are, or will be.
func (c claimed) size(pool string) int64 {
	var n int64
	for _, claim := range c.claims {
		if claim.GetLabels()[nodePoolLabel] == pool && claim.GetDeletionTimestamp() == nil {
			n++
		}
	}
	return n
}

// Begin implements Remover.
func (r *Karpenter) Begin(ctx context.Context, nodes []Node) ([]*Step, error) {
	all, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	steps := map[types.UID]*Step{}
	for _, n := range nodes {
		node, err := nodeObject(ctx, r.Member, n)
		if err != nil {
			return nil, err
		}
		if b := all.block(node); b != nil {
			return nil, &ChangedError{Owner: v1alpha1.NodeOwner{Kind: "Node", Name: n.Name}, What: b.Message}
		}
		owner, claim := all.owner(node), all.claim(n.Name)
		s := steps[owner.UID]
		if s == nil {
			s = &Step{Remover: KarpenterName, Owner: owner}
			if owner.Kind == kindNodePool {
				s.From = all.size(owner.Name)
				s.To = s.From
			}
			steps[owner.UID] = s
		}
		if owner.Kind == kindNodePool {
			s.To--
		}
		n.ProviderID, n.Object, n.ObjectUID = node.Spec.ProviderID, claim.GetName(), claim.GetUID()
		s.Nodes = append(s.Nodes, n)
	}
	return slices.SortedFunc(maps.Values(steps), func(a, b *Step) int { return strings.Compare(a.Owner.Name, b.Owner.Name) }), nil
}

// Remove implements Remover.
func (r *Karpenter) Remove(ctx context.Context, step *Step) error {
	resource, err := r.Member.Resource(ctx, nodeClaims)
	if err != nil {
		return err
	}
	for _, n := range step.Nodes {
		err := r.Member.Delete(ctx, resource, "", n.Object, n.ObjectUID, member.WriteOptions{})
		if err != nil && !member.IsObjectNotFound(err) {
			return fmt.Errorf("delete NodeClaim %s: %w", n.Object, err)
		}
	}
	return nil
}

// Confirm implements Remover.
func (r *Karpenter) Confirm(ctx context.Context, step *Step) (Progress, error) {
	all, err := r.read(ctx)
	if err != nil {
		return Progress{}, err
	}
	var waiting []string
	for _, n := range step.Nodes {
		if slices.ContainsFunc(all.claims, func(o unstructured.Unstructured) bool { return o.GetUID() == n.ObjectUID }) {
			waiting = append(waiting, "NodeClaim "+n.Object+" is being terminated")
			continue
		}
		gone, err := isGone(ctx, r.Member, n)
		if err != nil {
			return Progress{}, err
		}
		if !gone {
			waiting = append(waiting, "node "+n.Name+" is there without its NodeClaim")
		}
	}
	if len(waiting) > 0 {
		return Progress{Waiting: strings.Join(waiting, "; ")}, nil
	}
	if is := all.size(step.Owner.Name); step.Owner.Kind == kindNodePool && is > step.To {
		return Progress{}, &WrongError{fmt.Errorf("NodePool %s has %d nodes, and should have %d: Karpenter has made another", step.Owner.Name, is, step.To)}
	}
	return Progress{Gone: true}, nil
}
