package evict

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
)

// round is one look at the nodes that are left.
type round struct {
	of map[string]*nodeRound
	// ready are the pods that can be evicted now.
	ready []*corev1.Pod
	index *budget.Index
}

// nodeRound is what a look saw of a node.
type nodeRound struct {
	evictable, leaving []*corev1.Pod
	blockers           []v1alpha1.Blocker
	waits              wait
}

// wait is what a node waits for, and why.
type wait struct{ object, why string }

func (w wait) String() string { return strings.TrimPrefix(w.object+": "+w.why, ": ") }

// look sorts the pods of the nodes, and shares out what budgets allow: the first
// node's pods first, so that nodes finish one after the other and none waits for
// what a later one holds.
func (d *Drain) look(nodes []Node) round {
	r := round{of: map[string]*nodeRound{}, index: budget.NewIndex(d.View.Budgets())}
	for _, n := range nodes {
		r.of[n.Name] = &nodeRound{}
	}
	for _, p := range d.View.Pods() {
		n := r.of[p.Spec.NodeName]
		if n == nil {
			continue
		}
		if b, is := d.blocked[p.UID]; is {
			n.blockers = append(n.blockers, b)
			continue
		}
		fate, blocker := candidate.FateOf(p, d.Snapshot, r.index, d.Options.Rules)
		if fate != candidate.Keeps {
			delete(d.since, p.UID)
		}
		_, asked := d.asked[p.UID]
		switch {
		case fate == candidate.Leaves, asked && (fate == candidate.Moves || fate == candidate.Ends):
			n.leaving = append(n.leaving, p)
		case fate == candidate.Moves, fate == candidate.Ends:
			n.evictable = append(n.evictable, p)
		case fate == candidate.Keeps && d.passing(p, blocker):
			n.waits = wait{"pod " + blocker.Pod, blocker.Object + ": " + blocker.Message}
			n.evictable = append(n.evictable, nil)
		case fate == candidate.Keeps:
			n.blockers = append(n.blockers, blocker)
		}
	}
	tokens := d.tokens(r.index)
	for _, n := range nodes {
		d.share(r.of[n.Name], &r, tokens)
	}
	return r
}

// passing is true for a blocker that may go by itself. A budget with an integer
// minAvailable counts the pods that there are, and between an eviction and the new
// pod these are too few; pods that are not Ready may be so again. Only what stays so
// was not there when it was planned, and ends the node's turn.
func (d *Drain) passing(p *corev1.Pod, b v1alpha1.Blocker) bool {
	switch b.Reason {
	case "UnhealthyPod":
		return true
	case "PermanentBudget", "UncountedBudget":
		if d.since[p.UID].IsZero() {
			d.since[p.UID] = time.Now()
		}
		return time.Since(d.since[p.UID]) < steady
	}
	return false
}

// tokens is how many pods of each budget may be evicted now: what it allows, less what
// was taken and does not show yet. The API server writes the budget for each eviction, and
// who meets another there waits half a second: one at a time is asked for, and of large
// budgets an eighth.
func (d *Drain) tokens(index *budget.Index) map[types.UID]int {
	tokens, beside := map[types.UID]int{}, map[types.UID]int{}
	for _, b := range index.All() {
		tokens[b.UID] = b.Allowed()
		if b.Stale() {
			tokens[b.UID] = 0
		}
		beside[b.UID] = 1 + tokens[b.UID]/8
	}
	for uid, a := range d.asked {
		switch {
		case a.budget == "":
		case a.open:
			tokens[a.budget]--
			beside[a.budget]--
		case d.View.hasDisrupted(a.budget, a.pod), time.Since(a.at) > taken:
			a.budget = ""
			d.asked[uid] = a
		default:
			tokens[a.budget]--
		}
	}
	for uid, n := range beside {
		tokens[uid] = min(tokens[uid], n)
	}
	return tokens
}

// share gives the pods of a node their turn: those of the lowest priority first, and
// no more than budgets allow.
func (d *Drain) share(n *nodeRound, r *round, tokens map[types.UID]int) {
	if len(n.blockers) > 0 {
		return
	}
	pods := slices.DeleteFunc(slices.Clone(n.evictable), func(p *corev1.Pod) bool { return p == nil })
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(priority(a), priority(b)), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	lowest := int32(0)
	for i, p := range pods {
		if i == 0 {
			lowest = priority(p)
		}
		if priority(p) != lowest || len(n.leaving) > 0 && slices.ContainsFunc(n.leaving, func(l *corev1.Pod) bool { return priority(l) < lowest }) {
			n.waits = cmp.Or(n.waits, wait{why: "pods of lower priority leave first"})
			return
		}
		if time.Now().Before(d.retry[p.UID]) || time.Now().Before(d.held) {
			n.waits = cmp.Or(n.waits, wait{why: "the API server asked for patience"})
			continue
		}
		if b := covering(p, r.index); b != nil {
			if tokens[b.UID] <= 0 || time.Now().Before(d.budgets[b.UID]) {
				n.waits = cmp.Or(n.waits, wait{"budget " + b.Key(), cmp.Or(b.Fix(), "it was used up a moment ago")})
				continue
			}
			tokens[b.UID]--
		}
		r.ready = append(r.ready, p)
	}
}

// longestFirst has those asked for first whose budget has the most pods yet to go: they
// leave a few at a time, and the last of them ends the run.
func (r *round) longestFirst() {
	left, of := map[*budget.Budget]int{}, map[*corev1.Pod]*budget.Budget{}
	for _, n := range r.of {
		for _, p := range n.evictable {
			if p == nil {
				continue
			}
			if b := covering(p, r.index); b != nil { // the others wait for nobody
				left[b]++
				of[p] = b
			}
		}
	}
	slices.SortStableFunc(r.ready, func(a, b *corev1.Pod) int { return cmp.Compare(left[of[b]], left[of[a]]) })
}

// covering is the budget that an eviction takes from; nil if it takes from none.
func covering(p *corev1.Pod, index *budget.Index) *budget.Budget {
	if !budget.Counts(p) {
		return nil
	}
	for _, b := range index.Of(p) {
		if !b.Free(p) {
			return b
		}
	}
	return nil
}

func priority(p *corev1.Pod) int32 {
	if p.Spec.Priority == nil {
		return 0
	}
	return *p.Spec.Priority
}
