// Package scale is the domain of nodes that leave clusters, and come. Each of its
// nouns is a package below it; docs/scaling.md says how they fit together.
package scale

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
)

// Fleet is whose nodes leave, and how they are talked to.
type Fleet struct {
	Clusters []inventory.Cluster
	Members  *member.Pool
	Fanout   fanout.Options
}

// Request is which nodes are to leave.
type Request struct {
	Policy candidate.Policy
	// Count is how many are to leave, over all clusters; 0: all that the policy names.
	Count int
	// KeepNodes: they are emptied, and stay.
	KeepNodes bool
	// Parallel is how many nodes of a cluster are emptied at once.
	Parallel int
	// Tight takes nodes whose pods have places in some orders only.
	Tight bool
	// Reserve wants room for the loss of one more node.
	Reserve bool
	// Most looks for how many nodes could leave at once.
	Most     bool
	Removers Removers
}

// Plan plans for every cluster, side by side, and shares the count out over them.
// Nothing is written.
func Plan(ctx context.Context, f Fleet, r Request) fanout.Results[*v1alpha1.ScalePlan] {
	looks := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (*planned, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		l, err := lookAt(ctx, m, r)
		if err != nil {
			return nil, err
		}
		p := &planned{look: l}
		p.chosen, err = l.choose(ctx, r.Count)
		return p, err
	})
	looks.RefuseTwins(func(p *planned) string { return p.snapshot.UID })
	found := map[string]bool{} // a node that was named is in one cluster, and not in the others
	for _, seen := range looks {
		if seen.Err == nil {
			for _, n := range seen.Value.snapshot.Nodes {
				found[n.Name] = true
			}
		}
	}
	for _, seen := range looks {
		if seen.Err == nil {
			seen.Value.field.Missing = slices.DeleteFunc(seen.Value.field.Missing, func(name string) bool { return found[name] })
		}
	}
	shares := share(looks, r.Count)
	results := make(fanout.Results[*v1alpha1.ScalePlan], len(looks))
	for i, seen := range looks {
		results[i] = fanout.Result[*v1alpha1.ScalePlan]{Cluster: seen.Cluster, Err: seen.Err, Elapsed: seen.Elapsed}
		if seen.Err != nil {
			continue
		}
		results[i].Value, results[i].Err = seen.Value.plan(ctx, seen.Cluster.Name, r, shares[i])
	}
	return results
}

// planned is a cluster that was looked at, and the nodes that could leave it.
type planned struct {
	*look
	chosen chosen
}

// share says how many nodes leave each cluster, so that they are count together and
// the first come first: clusters are compared by the node that would be their next,
// and of equal ones that comes which has given fewer.
func share(looks fanout.Results[*planned], count int) []int {
	shares := make([]int, len(looks))
	for left := count; ; left-- {
		best := -1
		for i, seen := range looks {
			if seen.Err != nil || shares[i] == len(seen.Value.chosen.nodes) {
				continue
			}
			if best < 0 || cmp.Or(seen.Value.chosen.nodes[shares[i]].Rank(looks[best].Value.chosen.nodes[shares[best]]), cmp.Compare(shares[i], shares[best])) < 0 {
				best = i
			}
		}
		if best < 0 || count > 0 && left == 0 {
			return shares
		}
		shares[best]++
	}
}

// plan is the plan by which count of the chosen nodes leave.
func (p *planned) plan(ctx context.Context, cluster string, r Request, count int) (*v1alpha1.ScalePlan, error) {
	plan := &v1alpha1.ScalePlan{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.ScalePlanKind},
		ObjectMeta: metav1.ObjectMeta{Name: cluster, Annotations: map[string]string{v1alpha1.ClusterAnnotation: cluster}},
		ClusterUID: p.snapshot.UID, KeepNodes: r.KeepNodes, Asked: r.Count, Workers: len(p.field.Workers), Most: -1,
		Nodes: []v1alpha1.LeavingNode{}, Passed: p.field.Passed, NotModelled: p.engine.NotModelled(),
	}
	for _, name := range p.field.Missing {
		plan.Blocked = append(plan.Blocked, v1alpha1.BlockedNode{Name: name, Blockers: []v1alpha1.Blocker{{Reason: "NotFound", Message: "there is no such node"}}})
	}
	if note := autoscaler(p.snapshot); note != "" {
		plan.NotModelled = append(plan.NotModelled, note)
	}
	plan.NotModelled = append(plan.NotModelled, p.snapshot.Unseen...)
	nodes := p.chosen
	if count < len(nodes.nodes) {
		// With fewer that leave there is only more room: the first ones still can.
		placement, err := p.place(ctx, nodes.nodes[:count])
		if err != nil {
			return nil, err
		}
		nodes.nodes = nodes.nodes[:count]
		for _, move := range placement.Moves {
			nodes.moves[move.Node] = move
		}
	}
	leaving := map[string]bool{}
	for _, n := range nodes.nodes {
		leaving[n.Node.Name] = true
	}
	plan.Unhealthy = unhealthy(p.snapshot, p.field.Workers, func(n *corev1.Node) bool { return leaving[n.Name] })
	p.fill(plan, nodes, r)
	if r.Most {
		if err := p.most(ctx, plan, len(nodes.nodes)); err != nil {
			return nil, err
		}
	}
	plan.Blocked = append(plan.Blocked, p.blocked...)
	plan.Hash = HashOf(plan)
	return plan, nil
}

// fill puts the nodes into the plan, wave by wave.
func (p *planned) fill(plan *v1alpha1.ScalePlan, nodes chosen, r Request) {
	zones := map[string]int{}
	for _, n := range p.field.Workers {
		zones[n.Labels[corev1.LabelTopologyZone]]++
	}
	often := refills
	if r.KeepNodes {
		often = refillsKept
	}
	numbers := waves(nodes.nodes, zones, p.budgets, max(1, r.Parallel), often)
	type inWave struct {
		wave   int
		budget *budget.Budget
	}
	total, needs, rounds, slowest := map[*budget.Budget]int{}, map[inWave]int{}, map[int]int{}, map[int]time.Duration{}
	for i, n := range nodes.nodes {
		slowest[numbers[i]] = max(slowest[numbers[i]], moved(n.Contents.Evicted()))
		for b, need := range candidate.Need(n.Contents.Evicted(), p.budgets) {
			total[b] += need
			at := inWave{numbers[i], b}
			needs[at] += need
			rounds[at.wave] = max(rounds[at.wave], roundsOf(needs[at], b))
		}
	}
	for i, n := range nodes.nodes {
		move := nodes.moves[n.Node.Name]
		leaving := v1alpha1.LeavingNode{
			Name: n.Node.Name, UID: n.Node.UID, Wave: numbers[i], Zone: n.Zone(), Why: n.Why, Fit: string(move.Verdict),
			Owner: p.claims.owners[n.Node.Name], ETASeconds: eta(slowest[numbers[i]], rounds[numbers[i]]),
		}
		for _, pod := range n.Contents.Evicted() {
			one := v1alpha1.LeavingPod{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, To: move.To[pod.UID]}
			if of := p.budgets.Of(pod); len(of) > 0 {
				one.Budget = of[0].Name
			}
			leaving.Pods = append(leaving.Pods, one)
		}
		plan.Nodes = append(plan.Nodes, leaving)
	}
	slices.SortStableFunc(plan.Nodes, func(a, b v1alpha1.LeavingNode) int { return cmp.Compare(a.Wave, b.Wave) })
	for _, b := range p.budgets.All() {
		if need := total[b]; need > 0 {
			plan.Budgets = append(plan.Budgets, v1alpha1.BudgetNeed{
				Namespace: b.Namespace, Name: b.Name, UID: b.UID, Generation: b.Generation, Allowed: b.Allowed(), Need: need, Rounds: roundsOf(need, b),
			})
		}
	}
}

// roundsOf is how often a budget must spare what it can at once, for so many pods.
func roundsOf(need int, b *budget.Budget) int {
	return (need + max(1, b.Ever()) - 1) / max(1, b.Ever())
}

// The guesses of an ETA.
const (
	overhead     = 10 * time.Second // of marks, gate and removal
	startUnknown = 30 * time.Second
)

// eta guesses how long a wave takes, in seconds: its nodes are removed together, and
// each refill of a budget waits until pods have ended, and others have started as long
// as these took.
func eta(slowest time.Duration, rounds int) int {
	return int((overhead + time.Duration(max(1, rounds))*slowest).Round(time.Second).Seconds())
}

// moved is how long the slowest of pods takes to end, and another to be Ready.
func moved(pods []*corev1.Pod) time.Duration {
	var slowest time.Duration
	for _, p := range pods {
		grace := candidate.DefaultGrace
		if s := p.Spec.TerminationGracePeriodSeconds; s != nil {
			grace = min(grace, time.Duration(*s)*time.Second)
		}
		slowest = max(slowest, grace+started(p))
	}
	return slowest
}

// started is how long a pod took to become Ready.
func started(p *corev1.Pod) time.Duration {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			if took := c.LastTransitionTime.Sub(p.CreationTimestamp.Time); took >= 0 && took < 10*time.Minute {
				return took
			}
		}
	}
	return startUnknown
}

// searched bounds the search for the most nodes: it ends when a step would place
// more pods than this, or four times the plan's own.
const searched = 4000

// Untried is the Limit of a plan whose Most is not the most that could leave: the search ended
// before that was found.
const Untried = "more were not tried"

// most looks for how many nodes could leave at once, and for what keeps one more.
func (p *planned) most(ctx context.Context, plan *v1alpha1.ScalePlan, least int) error {
	blocked := slices.Clone(p.blocked)
	defer func() { p.blocked = blocked }()
	limit := searched
	for _, n := range plan.Nodes {
		limit += 4 * len(n.Pods)
	}
	size := func(k int) int {
		pods := 0
		for _, c := range p.field.Candidates[:k] {
			pods += len(c.Contents.Moving)
		}
		return pods
	}
	good, bad := least, len(p.field.Candidates)+1
	for step := 1; good+1 < bad; step *= 2 {
		k := min(good+step, bad-1)
		if bad <= len(p.field.Candidates) {
			k = (good + bad) / 2
		}
		if size(k) > limit {
			plan.Limit = Untried
			break
		}
		got, err := p.choose(ctx, k)
		if err != nil {
			return err
		}
		if len(got.nodes) >= k {
			good = k
			continue
		}
		bad = k
		good = max(good, len(got.nodes))
		if added := p.blocked[len(blocked):]; len(added) > 0 {
			plan.Limit = Sentence(added[0])
		}
		p.blocked = p.blocked[:len(blocked)]
	}
	plan.Most = good
	plan.Limit = cmp.Or(plan.Limit, exhausted(good, len(blocked)))
	return nil
}

// exhausted says why no more than most nodes can leave if each that may was tried.
func exhausted(most, blocked int) string {
	switch {
	case most == 0 && blocked == 0:
		return "no node is considered"
	case most == 0:
		return "all that are considered are blocked"
	case blocked == 0:
		return "no others are considered"
	}
	return "all others are blocked"
}

// Sentence says what keeps a node.
func Sentence(n v1alpha1.BlockedNode) string {
	b := n.Blockers[0]
	text := n.Name + ": "
	if b.Pod != "" {
		text += "pod " + b.Pod + ": "
	}
	if b.Object != "" {
		text += b.Object + ": "
	}
	text += b.Message
	if more := len(n.Blockers) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// HashOf is over all that doing a plan relies on.
func HashOf(plan *v1alpha1.ScalePlan) string {
	relied := struct {
		Cluster   string
		KeepNodes bool
		Nodes     []v1alpha1.LeavingNode
		Budgets   []v1alpha1.BudgetNeed
	}{Cluster: plan.ClusterUID, KeepNodes: plan.KeepNodes}
	for _, n := range plan.Nodes {
		relied.Nodes = append(relied.Nodes, v1alpha1.LeavingNode{Name: n.Name, UID: n.UID, Wave: n.Wave, Owner: n.Owner})
	}
	for _, b := range plan.Budgets {
		relied.Budgets = append(relied.Budgets, v1alpha1.BudgetNeed{Namespace: b.Namespace, Name: b.Name, UID: b.UID, Generation: b.Generation})
	}
	text, err := json.Marshal(relied)
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// ErrEdited is a plan that is no longer as it was printed.
var ErrEdited = errors.New("its hash is not that of what it says: it was edited, or cut off")
