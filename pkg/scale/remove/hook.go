package remove

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
)

// HookName is the name of the remover Hook.
const HookName = "hook"

// Hook removes nodes by a program of the user's, for what nothing else knows of:
// docs/scaling-hooks.md.
type Hook struct {
	Member  *member.Member
	Program Program
}

// Name implements Remover.
func (*Hook) Name() string { return HookName }

// Claim implements Remover: whoever names a program means all nodes.
func (*Hook) Claim(_ context.Context, nodes []*corev1.Node) (Claims, error) {
	c := Claims{Owners: map[string]v1alpha1.NodeOwner{}}
	for _, n := range nodes {
		c.Owners[n.Name] = hookOwner(n)
	}
	return c, nil
}

func hookOwner(n *corev1.Node) v1alpha1.NodeOwner {
	return v1alpha1.NodeOwner{Remover: HookName, APIVersion: "v1", Kind: "Node", Name: n.Name, UID: n.UID}
}

// Begin implements Remover.
func (r *Hook) Begin(ctx context.Context, nodes []Node) ([]*Step, error) {
	var steps []*Step
	for _, n := range nodes {
		node, err := nodeObject(ctx, r.Member, n)
		if err != nil {
			return nil, err
		}
		n.ProviderID, n.Zone, n.Group = node.Spec.ProviderID, node.Labels[corev1.LabelTopologyZone], candidate.PoolOf(node)
		steps = append(steps, &Step{Remover: HookName, Owner: hookOwner(node), Nodes: []Node{n}})
	}
	return steps, nil
}

// asked is what a program is told on its stdin. It is a contract:
// docs/scaling-hooks.md.
type asked struct {
	Context    string `json:"context"`
	Node       string `json:"node,omitempty"`
	ProviderID string `json:"providerID,omitempty"`
	Zone       string `json:"zone,omitempty"`
	Group      string `json:"group,omitempty"`
	UID        string `json:"uid,omitempty"`
	PlanID     string `json:"planID"`
	// From and To are of add alone.
	From *int64 `json:"from,omitempty"`
	To   *int64 `json:"to,omitempty"`
}

func (r *Hook) asked(step *Step, n Node) asked {
	return asked{
		Context: r.Program.Context, Node: n.Name, ProviderID: n.ProviderID, Zone: n.Zone, Group: n.Group, UID: string(n.UID), PlanID: step.Run,
	}
}

// The pauses between two tries of a program that wants to be run again.
const (
	firstTry = time.Second
	lastTry  = 15 * time.Second
)

// Remove implements Remover. What was removed before is not removed again.
func (r *Hook) Remove(ctx context.Context, step *Step) error {
	for _, n := range step.Nodes {
		question := r.asked(step, n)
		err := r.Program.run(ctx, "status", question)
		if err == nil {
			continue
		}
		if !errors.Is(err, errAgain) {
			return err
		}
		if err := r.Program.until(ctx, "remove", question); err != nil {
			return err
		}
	}
	return nil
}

// Confirm implements Remover. The Node object of a machine that is gone goes, too:
// not everywhere is there a cloud's controller that would see to it.
func (r *Hook) Confirm(ctx context.Context, step *Step) (Progress, error) {
	var waiting []string
	for _, n := range step.Nodes {
		err := r.Program.run(ctx, "status", r.asked(step, n))
		if errors.Is(err, errAgain) {
			waiting = append(waiting, fmt.Sprintf("the machine of %s is not gone", n.Name))
			continue
		}
		if err != nil {
			return Progress{}, err
		}
		err = r.Member.Delete(ctx, member.Nodes(), "", n.Name, n.UID, member.WriteOptions{})
		if err == nil {
			waiting = append(waiting, n.Name+" is being deleted")
			continue
		}
		gone, goneErr := isGone(ctx, r.Member, n)
		if goneErr != nil {
			return Progress{}, goneErr
		}
		if !gone {
			return Progress{}, fmt.Errorf("delete Node %s: %w", n.Name, err)
		}
	}
	return Progress{Gone: len(waiting) == 0, Waiting: strings.Join(waiting, "; ")}, nil
}
