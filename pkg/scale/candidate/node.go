// Package candidate says which nodes may leave a cluster, in which order, and what
// becomes of their pods.
package candidate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	resourcehelper "k8s.io/component-helpers/resource"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// By is what makes a node come before another.
type By string

// The orders. Nodes that are not Ready come first with each, then empty ones.
const (
	// ByUtilization: what its pods request, the greater part of CPU and memory. The
	// emptiest first.
	ByUtilization By = "utilization"
	// ByAge: the oldest first.
	ByAge By = "age"
	// ByCost: what moving its pods costs, as they say themselves
	// (controller.kubernetes.io/pod-deletion-cost and priority). The cheapest first.
	ByCost By = "cost"
	// ByEmpty: nodes without pods to move, and no others.
	ByEmpty By = "empty"
)

// Bys are all orders.
func Bys() []string {
	return []string{string(ByUtilization), string(ByAge), string(ByCost), string(ByEmpty)}
}

// Policy is which nodes may leave.
type Policy struct {
	// Names are the nodes that leave; empty: any may.
	Names []string
	// Selector narrows them by labels.
	Selector labels.Selector
	// Pool narrows them to one pool, by its name in whatever label has it.
	Pool string
	// Members are the nodes of Pool, as who keeps them says; nil: nobody does, and
	// labels count.
	Members []string
	By      By
	Pods    PodRules
	// MinAge keeps nodes that are younger; such are still being filled.
	MinAge time.Duration
	// Now is the time that ages count to.
	Now time.Time
	// Ours is the annotation by which nodes are known that we have cordoned.
	Ours string
}

// Candidate is a node that may leave.
type Candidate struct {
	Node     *corev1.Node
	Contents Contents
	// Why it comes at its place.
	Why string
	// Risky: its own pods need more of a budget than it allows at once.
	Risky bool

	rank  int
	score float64
}

// Zone is the node's zone; empty if it has none.
func (c Candidate) Zone() string { return c.Node.Labels[corev1.LabelTopologyZone] }

// Before orders candidates of one cluster: the first leaves first.
func (c Candidate) Before(other Candidate) int {
	return cmp.Or(c.Rank(other), strings.Compare(c.Node.Name, other.Node.Name))
}

// Rank orders candidates of several clusters; 0 for two that may leave equally well.
func (c Candidate) Rank(other Candidate) int {
	risky := func(c Candidate) int {
		if c.Risky {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(risky(c), risky(other)), cmp.Compare(c.rank, other.rank), cmp.Compare(c.score, other.score))
}

// Field is what a policy comes to in a cluster.
type Field struct {
	// Workers are the nodes that may run ordinary pods.
	Workers []*corev1.Node
	// Candidates may leave, the first first.
	Candidates []Candidate
	Blocked    []v1alpha1.BlockedNode
	Passed     []v1alpha1.PassedNode
	// Missing are names of no node.
	Missing []string
}

// Sort says which nodes may leave.
func (p Policy) Sort(s *snapshot.Snapshot, budgets *budget.Index) Field {
	var f Field
	for _, n := range s.Nodes {
		if why := notAWorker(n); why != "" {
			if len(p.Names) == 0 || slices.Contains(p.Names, n.Name) {
				f.pass(n, notConsidered(why), p.Names)
			}
			continue
		}
		f.Workers = append(f.Workers, n)
		if !p.means(n) {
			continue
		}
		if why := p.passes(n, s); why != nil {
			f.pass(n, why, p.Names)
			continue
		}
		c := p.candidate(n, s, budgets)
		switch {
		case len(c.Contents.Blockers) > 0:
			f.Blocked = append(f.Blocked, v1alpha1.BlockedNode{Name: n.Name, Blockers: c.Contents.Blockers})
		case p.By == ByEmpty && len(c.Contents.Moving) > 0 && len(p.Names) == 0:
			f.Passed = append(f.Passed, v1alpha1.PassedNode{Name: n.Name, Why: fmt.Sprintf("%d pods would move", len(c.Contents.Moving))})
		default:
			f.Candidates = append(f.Candidates, c)
		}
	}
	for _, name := range p.Names {
		if !slices.ContainsFunc(s.Nodes, func(n *corev1.Node) bool { return n.Name == name }) {
			f.Missing = append(f.Missing, name)
		}
	}
	slices.SortFunc(f.Candidates, Candidate.Before)
	slices.SortFunc(f.Passed, func(a, b v1alpha1.PassedNode) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(f.Blocked, func(a, b v1alpha1.BlockedNode) int { return strings.Compare(a.Name, b.Name) })
	return f
}

// pass notes a node that is not considered; of one that was asked for by its name
// that is a blocker.
func (f *Field) pass(n *corev1.Node, why *v1alpha1.Blocker, asked []string) {
	if slices.Contains(asked, n.Name) {
		f.Blocked = append(f.Blocked, v1alpha1.BlockedNode{Name: n.Name, Blockers: []v1alpha1.Blocker{*why}})
		return
	}
	text := why.Message
	if why.Object != "" {
		text = why.Object + ": " + text
	}
	f.Passed = append(f.Passed, v1alpha1.PassedNode{Name: n.Name, Why: text, Fix: why.Fix})
}

// notConsidered is for what is as it is: there is nothing to be done about it here.
func notConsidered(why string) *v1alpha1.Blocker {
	return &v1alpha1.Blocker{Reason: "NotConsidered", Message: why}
}

// means is true if the policy is about the node.
func (p Policy) means(n *corev1.Node) bool {
	switch {
	case len(p.Names) > 0 && !slices.Contains(p.Names, n.Name):
		return false
	case p.Selector != nil && !p.Selector.Matches(labels.Set(n.Labels)):
		return false
	case p.Pool != "" && p.Members != nil:
		return slices.Contains(p.Members, n.Name)
	case p.Pool != "" && PoolOf(n) != p.Pool:
		return false
	}
	return true
}

// notAWorker is why a node is none.
func notAWorker(n *corev1.Node) string {
	for _, label := range []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"} {
		if _, has := n.Labels[label]; has {
			return "control plane"
		}
	}
	for _, t := range n.Spec.Taints {
		if t.Key == "node-role.kubernetes.io/control-plane" {
			return "control plane"
		}
	}
	return ""
}

// What others put on nodes that they work on.
const (
	scaleDownDisabled = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
	toBeDeleted       = "ToBeDeletedByClusterAutoscaler"
	karpenterDisrupts = "karpenter.sh/disrupted"
	outOfService      = "node.kubernetes.io/out-of-service"
)

// passes is why a worker is not considered; nil if it is.
func (p Policy) passes(n *corev1.Node, s *snapshot.Snapshot) *v1alpha1.Blocker {
	switch {
	case n.DeletionTimestamp != nil:
		return notConsidered("it is being deleted")
	case n.Annotations[scaleDownDisabled] == "true":
		return notConsidered("annotation " + scaleDownDisabled)
	case n.Annotations[doNotDisrupt] == "true":
		return notConsidered("annotation " + doNotDisrupt)
	}
	for _, t := range n.Spec.Taints {
		switch t.Key {
		case toBeDeleted, karpenterDisrupts:
			return notConsidered("an autoscaler is removing it (taint " + t.Key + ")")
		case outOfService:
			return notConsidered("taint " + t.Key)
		}
	}
	if b := foreign(n, s, p.Now); b != nil {
		return b
	}
	if n.Spec.Unschedulable && n.Annotations[p.Ours] == "" {
		return notConsidered("somebody else has cordoned it")
	}
	if age := p.Now.Sub(n.CreationTimestamp.Time); len(p.Names) == 0 && age < p.MinAge {
		return notConsidered(fmt.Sprintf("it is %s old", age.Round(time.Second)))
	}
	return nil
}

func (p Policy) candidate(n *corev1.Node, s *snapshot.Snapshot, budgets *budget.Index) Candidate {
	c := Candidate{Node: n, Contents: ContentsOf(n.Name, s, budgets, p.Pods), rank: 2}
	need := Need(c.Contents.Evicted(), budgets)
	for b, n := range need {
		c.Risky = c.Risky || n > b.Allowed()
	}
	cpu, memory := utilization(n, s)
	use := fmt.Sprintf("cpu %d%% mem %d%%", percent(cpu), percent(memory))
	switch {
	case !IsReady(n):
		c.rank, c.Why = 0, "not Ready"
	case len(c.Contents.Moving) == 0:
		c.rank, c.Why = 1, "empty"
	}
	switch p.By {
	case ByAge:
		c.score, c.Why = float64(n.CreationTimestamp.Unix()), cmp.Or(c.Why, "created "+n.CreationTimestamp.UTC().Format(time.DateOnly))
	case ByCost:
		c.score = cost(c.Contents.Moving)
		c.Why = cmp.Or(c.Why, fmt.Sprintf("cost %.3g", c.score))
	case ByUtilization, ByEmpty:
		c.score, c.Why = max(cpu, memory), cmp.Or(c.Why, use)
	}
	return c
}

// Need is how many pods each budget must allow to be evicted.
func Need(pods []*corev1.Pod, budgets *budget.Index) map[*budget.Budget]int {
	need := map[*budget.Budget]int{}
	for _, p := range pods {
		if !budget.Counts(p) {
			continue
		}
		for _, b := range budgets.Of(p) {
			if !b.Free(p) {
				need[b]++
			}
		}
	}
	return need
}

// utilization is the part of what a node can give that its pods request, those of
// DaemonSets and static ones aside.
func utilization(n *corev1.Node, s *snapshot.Snapshot) (cpu, memory float64) {
	var sum [2]resource.Quantity
	for _, p := range s.On(n.Name) {
		if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		if fate, _ := FateOf(p, s, budget.NewIndex(nil), PodRules{Force: true, DeleteEmptyDirData: true}); fate == Stays {
			continue
		}
		requests := resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{})
		sum[0].Add(requests[corev1.ResourceCPU])
		sum[1].Add(requests[corev1.ResourceMemory])
	}
	return part(sum[0], n.Status.Allocatable[corev1.ResourceCPU]), part(sum[1], n.Status.Allocatable[corev1.ResourceMemory])
}

func part(of, all resource.Quantity) float64 {
	if all.IsZero() {
		return 0
	}
	return of.AsApproximateFloat64() / all.AsApproximateFloat64()
}

func percent(part float64) int { return int(part*100 + 0.5) }

// cost adds up what pods say that their move costs: one for each, more for what
// says so by pod-deletion-cost or has a high priority, as Karpenter counts
// (pkg/utils/disruption).
func cost(pods []*corev1.Pod) float64 {
	sum := 0.0
	for _, p := range pods {
		one := 1.0
		if value, err := strconv.ParseFloat(p.Annotations[corev1.PodDeletionCost], 64); err == nil {
			one += value / (1 << 27)
		}
		if p.Spec.Priority != nil {
			one += float64(*p.Spec.Priority) / (1 << 25)
		}
		sum += min(max(one, -10), 10)
	}
	return sum
}

// IsReady is true if the node's condition Ready is.
func IsReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// poolLabels are where pools are written on nodes, by whom. The first that a node
// has counts.
func poolLabels() []string {
	return []string{
		"kubectl-fleet.io/pool",
		"cluster.x-k8s.io/deployment-name", "topology.cluster.x-k8s.io/deployment-name",
		"karpenter.sh/nodepool",
		"eks.amazonaws.com/nodegroup", "alpha.eksctl.io/nodegroup-name",
		"cloud.google.com/gke-nodepool",
		"kubernetes.azure.com/agentpool", "agentpool",
		"kops.k8s.io/instancegroup", "doks.digitalocean.com/node-pool",
		"node.cluster.x-k8s.io/pool",
	}
}

// PoolOf is the name of the pool that a node is of; empty if nothing says so.
func PoolOf(n *corev1.Node) string {
	for _, label := range poolLabels() {
		if pool := n.Labels[label]; pool != "" {
			return pool
		}
	}
	return n.Annotations["cluster.x-k8s.io/owner-name"]
}

// Pools are the names of the pools of nodes, sorted.
func Pools(nodes []*corev1.Node) []string {
	pools := map[string]bool{}
	for _, n := range nodes {
		if pool := PoolOf(n); pool != "" {
			pools[pool] = true
		}
	}
	return slices.Sorted(maps.Keys(pools))
}
