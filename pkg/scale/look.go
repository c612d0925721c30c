package scale

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/simulate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// look is what was seen of a cluster, and what can be decided on it.
type look struct {
	snapshot *snapshot.Snapshot
	budgets  *budget.Index
	field    candidate.Field
	engine   *simulate.Engine
	rolling  map[types.UID]string
	// blocked grows as nodes turn out to have no place for their pods.
	blocked []v1alpha1.BlockedNode
	claims  claims
	tight   bool
	// later are nodes that leave after these: no pod should go there.
	later []string
}

// lookAt reads a cluster, and sorts its nodes.
func lookAt(ctx context.Context, m *member.Member, r Request, later ...string) (*look, error) {
	s, err := snapshot.Read(ctx, m)
	if err != nil {
		return nil, err
	}
	if r.Policy.Pool != "" {
		if r.Policy.Members, err = membersOf(ctx, r.Removers(m), s.Nodes, r.Policy.Pool); err != nil {
			return nil, err
		}
	}
	l := &look{snapshot: s, budgets: budget.NewIndex(s.Budgets), rolling: rolling(s), tight: r.Tight, later: later}
	l.field = r.Policy.Sort(s, l.budgets)
	l.blocked = l.field.Blocked
	l.field.Candidates = slices.DeleteFunc(l.field.Candidates, l.rolls)
	if l.engine, err = simulate.New(ctx, simulated(s), simulate.Options{Reserve: r.Reserve}); err != nil {
		return nil, err
	}
	if r.KeepNodes {
		return l, nil
	}
	nodes := make([]*corev1.Node, len(l.field.Candidates))
	for i, c := range l.field.Candidates {
		nodes[i] = c.Node
	}
	if l.claims, err = claim(ctx, r.Removers(m), nodes); err != nil {
		return nil, err
	}
	l.field.Candidates = slices.DeleteFunc(l.field.Candidates, func(c candidate.Candidate) bool {
		b, blocked := l.claims.blocked[c.Node.Name]
		if blocked {
			l.block(c.Node.Name, b)
		}
		return blocked
	})
	return l, nil
}

// rolls blocks a node with pods of a workload that is being rolled out.
func (l *look) rolls(c candidate.Candidate) bool {
	for _, p := range c.Contents.Moving {
		if w, kept := l.snapshot.WorkloadOf(p); kept && l.rolling[w.UID] != "" {
			l.block(c.Node.Name, v1alpha1.Blocker{
				Reason: "RollingOut", Pod: p.Namespace + "/" + p.Name, Object: w.Kind + " " + w.Namespace + "/" + w.Name, Message: l.rolling[w.UID], Fix: "wait until it is rolled out",
			})
			return true
		}
	}
	return false
}

func (l *look) block(node string, b v1alpha1.Blocker) {
	l.blocked = append(l.blocked, v1alpha1.BlockedNode{Name: node, Blockers: []v1alpha1.Blocker{b}})
}

// simulated is a cluster as the scheduler knows it.
func simulated(s *snapshot.Snapshot) simulate.Cluster {
	c := simulate.Cluster{
		Nodes: s.Nodes, Namespaces: s.Namespaces, Services: s.Services, ReplicationControllers: s.ReplicationControllers, ReplicaSets: s.ReplicaSets, StatefulSets: s.StatefulSets,
		Claims: s.Claims, Volumes: s.Volumes, StorageClasses: s.StorageClasses, CSINodes: s.CSINodes, CSIDrivers: s.CSIDrivers, Attachments: s.Attachments, Capacities: s.Capacities,
	}
	for _, p := range s.Pods {
		switch {
		case p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed:
		case p.Spec.NodeName != "":
			c.Pods = append(c.Pods, p)
		case p.DeletionTimestamp == nil && len(p.Spec.SchedulingGates) == 0:
			c.Pending = append(c.Pending, p)
		}
	}
	return c
}

// chosen are nodes that leave together, and where their pods go.
type chosen struct {
	nodes []candidate.Candidate
	moves map[string]simulate.Move
}

// choose finds up to count nodes that can leave together, in the order of the
// candidates; 0 means all of them. Those that cannot are noted as blocked, and
// others come in their place.
func (l *look) choose(ctx context.Context, count int) (chosen, error) {
	if count == 0 {
		count = len(l.field.Candidates)
	}
	if len(l.field.Candidates) == 0 {
		return chosen{moves: map[string]simulate.Move{}}, nil
	}
	next := 0
	var nodes []candidate.Candidate
	spare := l.claims.spares()
	for {
		for len(nodes) < count && next < len(l.field.Candidates) {
			c := l.field.Candidates[next]
			next++
			if b, out := l.claims.spend(c.Node.Name, spare); out {
				l.block(c.Node.Name, b)
				continue
			}
			nodes = append(nodes, c)
		}
		placement, err := l.place(ctx, nodes)
		if err != nil {
			return chosen{}, err
		}
		result := chosen{moves: map[string]simulate.Move{}}
		stay := false
		for i, move := range placement.Moves {
			if b, no := l.refused(move); no {
				l.block(nodes[i].Node.Name, b)
				l.claims.refund(nodes[i].Node.Name, spare)
				stay = true
				continue
			}
			result.nodes = append(result.nodes, nodes[i])
			result.moves[nodes[i].Node.Name] = move
		}
		if placement.Reserve != nil && !stay && len(result.nodes) > 0 {
			last := result.nodes[len(result.nodes)-1]
			b := noPlace(placement.Reserve)
			b.Reason, b.Message = "NoReserve", "without it there is no room left for the loss of one more node: "+b.Message
			b.Fix = "--reserve=false goes without that reserve"
			l.block(last.Node.Name, b)
			l.claims.refund(last.Node.Name, spare)
			result.nodes, stay = result.nodes[:len(result.nodes)-1], true
			next = len(l.field.Candidates) // more nodes leave even less room
		}
		if !stay {
			return result, nil
		}
		nodes = result.nodes
	}
}

// place simulates that nodes leave.
func (l *look) place(ctx context.Context, nodes []candidate.Candidate) (*simulate.Placement, error) {
	var leaving []simulate.Leaving
	for _, n := range nodes {
		leaving = append(leaving, simulate.Leaving{Node: n.Node.Name, Pods: n.Contents.Moving})
	}
	for _, name := range l.later {
		leaving = append(leaving, simulate.Leaving{Node: name})
	}
	placement, err := l.engine.Place(ctx, leaving)
	if err == nil && len(nodes) > 0 {
		placement.Moves = placement.Moves[:len(nodes)]
	}
	return placement, err
}

// refused is why a node cannot leave, for want of places.
func (l *look) refused(move simulate.Move) (v1alpha1.Blocker, bool) {
	switch move.Verdict {
	case simulate.NoPlace:
		return noPlace(move.Blocked), true
	case simulate.Tight:
		if l.tight {
			return v1alpha1.Blocker{}, false
		}
		b := noPlace(move.Blocked)
		b.Reason, b.Message, b.Fix = "Tight", "its pods have places in one order, and not in every: "+b.Message, "--tight takes the chance"
		return b, true
	case simulate.Fits:
	}
	return v1alpha1.Blocker{}, false
}

func noPlace(blocked *simulate.Blocked) v1alpha1.Blocker {
	if blocked == nil {
		return v1alpha1.Blocker{Reason: "NoPlace", Message: "there is no place for its pods"}
	}
	if len(blocked.Reasons) == 0 {
		return v1alpha1.Blocker{
			Reason: "NoPlace", Pod: blocked.Namespace + "/" + blocked.Pod, Message: "no place: no node is left that it could go to", Fix: "add nodes",
		}
	}
	reasons := make([]string, len(blocked.Reasons))
	for i, r := range blocked.Reasons {
		reasons[i] = fmt.Sprintf("%d nodes: %s", r.Nodes, r.Message)
	}
	return v1alpha1.Blocker{
		Reason: "NoPlace", Pod: blocked.Namespace + "/" + blocked.Pod, Message: "no place: " + strings.Join(reasons, "; "),
		Fix: "add nodes, or lower what its pods ask for",
	}
}
