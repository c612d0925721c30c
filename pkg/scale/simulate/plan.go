package simulate

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// mover is a pod that needs a place, as its controller makes it anew.
type mover struct {
	info  *podInfo
	class *class
	// size is the greatest part of a cluster's CPU or memory that it asks for.
	size float64
}

func (m *mover) priority() int32 {
	if m.info.Pod.Spec.Priority == nil {
		return 0
	}
	return *m.info.Pod.Spec.Priority
}

// moversOf makes pods ready to be placed.
func (e *Engine) moversOf(ctx context.Context, pods []*corev1.Pod) ([]*mover, error) {
	movers := make([]*mover, len(pods))
	for i, p := range pods {
		if movers[i] = e.movers[p]; movers[i] != nil {
			continue
		}
		anew := *p
		anew.Spec.NodeName, anew.DeletionTimestamp, anew.Status = "", nil, corev1.PodStatus{}
		info, err := e.state.kinds.newPod(&anew)
		if err != nil {
			return nil, err
		}
		m := &mover{info: info}
		if m.class, err = e.classOf(ctx, info); err != nil {
			return nil, err
		}
		m.size = e.share(info.CalculateResource().Resource.GetMilliCPU(), info.CalculateResource().Resource.GetMemory())
		e.movers[p], movers[i] = m, m
	}
	return movers, nil
}

// share is the greater part of the cluster's CPU and memory.
func (e *Engine) share(cpu, memory int64) float64 {
	return max(float64(cpu)/max(e.cpu, 1), float64(memory)/max(e.memory, 1))
}

// bigFirst orders pods by priority, then the biggest first: that way most find
// places.
func bigFirst(movers []*mover) {
	slices.SortStableFunc(movers, func(a, b *mover) int {
		return cmp.Or(cmp.Compare(b.priority(), a.priority()), cmp.Compare(b.size, a.size))
	})
}

// shuffled orders pods by priority, else at random: as they might come to the
// scheduler. The first of all orders is the worst that is known, the smallest first.
func shuffled(movers []*mover, order int, random *rand.Rand) {
	random.Shuffle(len(movers), func(i, j int) { movers[i], movers[j] = movers[j], movers[i] })
	slices.SortStableFunc(movers, func(a, b *mover) int {
		by := cmp.Compare(b.priority(), a.priority())
		if by == 0 && order == 0 {
			by = cmp.Compare(a.size, b.size)
		}
		return by
	})
}

// departure is a node that leaves, with the pods that need places.
type departure struct {
	node int
	// gone: it is not there any more.
	gone bool
	// stays: some pod has no place.
	stays  bool
	movers []*mover // the biggest first
}

// plan is one look at nodes that leave.
type plan struct {
	*Engine

	departures []departure
	moves      []Move
	to         map[*mover]int // where they were placed first
}

// random is a source that is the same in every call.
func (e *Engine) random(order int) *rand.Rand {
	return rand.New(rand.NewPCG(e.options.Seed, uint64(order))) //nolint:gosec // a simulation repeats itself
}

// lead lets the nodes leave, one after the other. One whose pods have no places
// stays as it is. For each it tries the nodes that the scheduler likes best, with
// the biggest pods first; the first nodes that take them; and shuffled orders.
func (p *plan) lead(ctx context.Context) error {
	how := &search{random: p.random(0)}
	for i := range p.departures {
		d, move := &p.departures[i], &p.moves[i]
		if d.gone {
			continue
		}
		bigFirst(d.movers)
		d.stays = true
		most := -1
		for try := 0; d.stays && try < p.options.Orders+2; try++ {
			movers, how := slices.Clone(d.movers), how
			switch {
			case try == 1:
				how = &search{}
			case try > 1:
				shuffled(movers, try-2, p.random(try))
			}
			before := len(p.state.undo)
			p.state.vacate(d.node)
			placed, err := p.placeAll(ctx, movers, how)
			if err != nil {
				return err
			}
			if placed == len(movers) {
				d.stays = false
				move.Verdict = Fits
				if try > 0 {
					move.Verdict = Tight
				}
				continue
			}
			if placed > most {
				most = placed
				if move.Blocked, err = p.why(ctx, movers[placed]); err != nil {
					return err
				}
			}
			p.state.revert(before)
		}
		if d.stays {
			move.Verdict = NoPlace
			continue
		}
		move.To = make(map[types.UID]string, len(d.movers))
		for _, m := range d.movers {
			move.To[m.info.Pod.UID] = p.state.nodes[p.to[m]].Node().Name
		}
	}
	return nil
}

// placeAll places pods until one has no place, and counts those that have.
func (p *plan) placeAll(ctx context.Context, movers []*mover, how *search) (int, error) {
	for i, m := range movers {
		at, found, err := p.place(ctx, m, how)
		if err != nil || !found {
			return i, err
		}
		p.to[m] = at
	}
	return len(movers), nil
}

// confirm lets the nodes that can leave do so with their pods in another order: one
// node after the other, or, with every other order, all nodes at once. A pod that
// has no place makes its node a tight one, and takes the place that it had first.
func (p *plan) confirm(ctx context.Context, order int) error {
	random := p.random(order + 1)
	how := &search{random: random, next: random.IntN(len(p.state.nodes))}
	of := map[*mover]*Move{}
	var pool []*mover
	settle := func() error {
		shuffled(pool, order, random)
		for _, m := range pool {
			_, found, err := p.place(ctx, m, how)
			if err != nil {
				return err
			}
			if found {
				continue
			}
			if move := of[m]; move.Verdict == Fits {
				move.Verdict = Tight
				if move.Blocked, err = p.why(ctx, m); err != nil {
					return err
				}
			}
			p.state.put(p.to[m], m.info)
		}
		pool = pool[:0]
		return nil
	}
	for i, d := range p.departures {
		if d.stays || len(d.movers) == 0 {
			continue
		}
		p.state.vacate(d.node)
		for _, m := range d.movers {
			of[m] = &p.moves[i]
		}
		if pool = append(pool, d.movers...); order%2 == 0 {
			if err := settle(); err != nil {
				return err
			}
		}
	}
	return settle()
}

// reserve asks whether the pods of the fullest node that stays would have places, if
// that were lost, too.
func (p *plan) reserve(ctx context.Context) (*Blocked, error) {
	fullest, most := -1, -1.0
	for at, info := range p.state.nodes {
		requested := info.GetRequested()
		if size := p.share(requested.GetMilliCPU(), requested.GetMemory()); p.state.open[at] && !info.Node().Spec.Unschedulable && size > most {
			fullest, most = at, size
		}
	}
	if fullest < 0 {
		return nil, nil
	}
	var pods []*corev1.Pod
	for _, info := range p.state.nodes[fullest].GetPods() {
		pod := info.GetPod()
		if pod.Annotations[corev1.MirrorPodAnnotationKey] == "" && !isDaemon(pod) {
			pods = append(pods, pod)
		}
	}
	movers, err := p.moversOf(ctx, pods)
	if err != nil {
		return nil, err
	}
	bigFirst(movers)
	p.leaving[fullest] = true
	defer delete(p.leaving, fullest)
	var blocked *Blocked
	for _, how := range []*search{{random: p.random(0)}, {}} {
		before := len(p.state.undo)
		p.state.close(fullest)
		p.state.vacate(fullest)
		placed, err := p.placeAll(ctx, movers, how)
		if err == nil && placed < len(movers) && blocked == nil {
			blocked, err = p.why(ctx, movers[placed])
		}
		p.state.revert(before)
		if err != nil || placed == len(movers) {
			return nil, err
		}
	}
	return blocked, nil
}

// ranked are reasons, the most frequent first.
func ranked(counts map[Reason]int) []Reason {
	reasons := make([]Reason, 0, len(counts))
	for r, n := range counts {
		r.Nodes = n
		reasons = append(reasons, r)
	}
	slices.SortFunc(reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Nodes, a.Nodes), strings.Compare(a.Plugin, b.Plugin), strings.Compare(a.Message, b.Message))
	})
	return reasons
}
