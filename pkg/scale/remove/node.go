package remove

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
)

// ByNode removes the Node object, and nothing else: for machines that somebody has
// stopped, or will. A kubelet that runs would register the node again.
type ByNode struct {
	Member *member.Member
	// Stopped: the user says that no kubelet runs there. Otherwise the node must be not
	// Ready.
	Stopped bool
	// Away is how long a node must stay away until it counts as gone.
	Away time.Duration

	gone map[string]time.Time // since when nodes are seen to be gone
}

// NodeName is the name of the remover ByNode.
const NodeName = "node"

// Name implements Remover.
func (*ByNode) Name() string { return NodeName }

// Claim implements Remover: a Node object is its own owner.
func (r *ByNode) Claim(_ context.Context, nodes []*corev1.Node) (Claims, error) {
	c := Claims{Owners: map[string]v1alpha1.NodeOwner{}, Blocked: map[string]v1alpha1.Blocker{}}
	for _, n := range nodes {
		if !r.Stopped && candidate.IsReady(n) {
			c.Blocked[n.Name] = v1alpha1.Blocker{
				Reason: "KubeletRuns", Message: "its kubelet runs, and would register it again",
				Fix: "stop the kubelet, or say with --i-stopped-the-kubelet that you will have by the time; --keep-nodes empties the node and keeps it",
			}
			continue
		}
		c.Owners[n.Name] = v1alpha1.NodeOwner{Remover: NodeName, APIVersion: "v1", Kind: "Node", Name: n.Name, UID: n.UID}
	}
	return c, nil
}

// Begin implements Remover.
func (*ByNode) Begin(_ context.Context, nodes []Node) ([]*Step, error) {
	var steps []*Step
	for _, n := range nodes {
		steps = append(steps, &Step{
			Remover: NodeName, Owner: v1alpha1.NodeOwner{Remover: NodeName, APIVersion: "v1", Kind: "Node", Name: n.Name, UID: n.UID}, Nodes: []Node{n},
		})
	}
	return steps, nil
}

// Remove implements Remover.
func (r *ByNode) Remove(ctx context.Context, step *Step) error {
	for _, n := range step.Nodes {
		err := r.Member.Delete(ctx, member.Nodes(), "", n.Name, n.UID, member.WriteOptions{})
		if err != nil && !member.IsObjectNotFound(err) {
			return fmt.Errorf("delete Node %s: %w", n.Name, err)
		}
	}
	return nil
}

// Confirm implements Remover.
func (r *ByNode) Confirm(ctx context.Context, step *Step) (Progress, error) {
	if r.gone == nil {
		r.gone = map[string]time.Time{}
	}
	var waiting []string
	for _, n := range step.Nodes {
		gone, err := isGone(ctx, r.Member, n)
		switch {
		case err != nil:
			return Progress{}, err
		case !gone:
			waiting = append(waiting, n.Name+" is being deleted")
		default:
			if r.gone[n.Name].IsZero() {
				r.gone[n.Name] = time.Now()
			}
			if time.Since(r.gone[n.Name]) < r.Away {
				waiting = append(waiting, fmt.Sprintf("%s must stay away for %s", n.Name, r.Away))
			}
		}
	}
	return Progress{Gone: len(waiting) == 0, Waiting: strings.Join(waiting, "; ")}, nil
}
