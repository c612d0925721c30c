package simulate

import (
	"context"
	"math/rand/v2"

	fwk "k8s.io/kube-scheduler/framework"
)

// As kube-scheduler has them: of the nodes that take a pod it scores some only
// (percentageOfNodesToScore: 0).
const (
	minToScore        = 100
	minPercentToScore = 5
)

// toScore is how many nodes that take a pod kube-scheduler looks for.
func toScore(nodes int) int {
	if nodes < minToScore {
		return nodes
	}
	return max(nodes*max(50-nodes/125, minPercentToScore)/100, minToScore)
}

// search is how a node is looked for.
type search struct {
	// random decides between nodes that are liked as much. Without it the first node
	// that takes a pod gets it, and none is scored.
	random *rand.Rand
	// next is where the search goes on, as kube-scheduler goes around.
	next int
}

// place finds a node for a pod, and puts it there. It is false if there is none.
func (e *Engine) place(ctx context.Context, m *mover, how *search) (int, bool, error) {
	if err := ctx.Err(); err != nil {
		return 0, false, err
	}
	if err := e.prepare(ctx, m); err != nil || m.class.rejected != nil {
		return 0, false, err
	}
	n := len(e.state.nodes)
	most, looked := 1, 0
	if how.random != nil {
		most = toScore(n)
	}
	for e.found = e.found[:0]; looked < n && len(e.found) < most; looked++ {
		at := (how.next + looked) % n
		takes, err := e.takes(ctx, m, at)
		if err != nil {
			return 0, false, err
		}
		if takes {
			e.found = append(e.found, at)
		}
	}
	if how.random != nil {
		how.next = (how.next + looked) % n
	}
	if len(e.found) == 0 {
		return 0, false, nil
	}
	best := e.found[0]
	if len(e.found) > 1 {
		var err error
		if best, err = e.best(ctx, m, how.random); err != nil {
			return 0, false, err
		}
	}
	return best, true, e.put(ctx, m, best)
}

// prepare asks the plugins what depends on where others are.
func (e *Engine) prepare(ctx context.Context, m *mover) error {
	c := m.class
	if c.volumes {
		if err := e.ask(ctx, c, m.info.Pod); err != nil {
			return err
		}
	}
	if c.rejected != nil {
		return nil
	}
	if err := e.prepareSpread(ctx, c); err != nil {
		return err
	}
	if err := e.prepareRelated(ctx, c); err != nil {
		return err
	}
	e.each = e.each[:0]
	for _, pl := range e.plugins {
		if pl.filter != nil && (pl.reads == anything || pl.reads == affinities) && !c.skipped[pl.at] {
			e.each = append(e.each, pl)
		}
	}
	return nil
}

// takes says whether a node takes a pod that was prepared.
func (e *Engine) takes(ctx context.Context, m *mover, at int) (bool, error) {
	if !e.state.open[at] {
		return false, nil
	}
	c := m.class
	if err := e.know(ctx, c, c.onNode, theNode, at, 1); err != nil || c.onNode.refused[at] {
		return false, err
	}
	if err := e.know(ctx, c, c.request, requests, at, e.state.versions[at]+1); err != nil || c.request.refused[at] {
		return false, err
	}
	if takes, err := e.spreads(ctx, c, at); err != nil || !takes {
		return false, err
	}
	for _, pl := range e.each {
		if status := pl.filter.Filter(ctx, c.cycle, m.info.Pod, e.state.nodes[at]); !status.IsSuccess() {
			if !status.IsRejected() {
				return false, pl.failed(m.info.Pod, status)
			}
			return false, nil
		}
	}
	return true, nil
}

// know asks the plugins of one kind about a node, unless they were asked when it
// was as it is.
func (e *Engine) know(ctx context.Context, c *class, known *memo, kind reads, at int, version int64) error {
	if known.asked[at] == version {
		return nil
	}
	known.asked[at], known.refused[at], known.scores[at] = version, false, scores{}
	node, nth := e.state.nodes[at], 0
	for _, pl := range e.plugins {
		if pl.reads != kind {
			continue
		}
		if pl.filter != nil && !c.skipped[pl.at] {
			if status := pl.filter.Filter(ctx, c.cycle, c.pod, node); !status.IsSuccess() {
				if !status.IsRejected() {
					return pl.failed(c.pod, status)
				}
				known.refused[at] = true
				return nil
			}
		}
		if pl.score == nil {
			continue
		}
		if !c.unscored[pl.at] {
			likes, status := pl.score.Score(ctx, c.cycle, c.pod, node)
			if !status.IsSuccess() {
				return pl.failed(c.pod, status)
			}
			known.scores[at][nth] = likes
		}
		nth++
	}
	return nil
}

// put places a pod, with what plugins reserve for it: volumes.
func (e *Engine) put(ctx context.Context, m *mover, at int) error {
	if m.class.volumes {
		cycle, name := m.class.cycle.Clone(), e.state.nodes[at].Node().Name
		for _, pl := range e.plugins {
			if pl.reserve == nil || m.class.skipped[pl.at] {
				continue
			}
			if status := pl.reserve.Reserve(ctx, cycle, m.info.Pod, name); !status.IsSuccess() {
				return pl.failed(m.info.Pod, status)
			}
			e.state.undo = append(e.state.undo, func() { pl.reserve.Unreserve(ctx, cycle, m.info.Pod, name) })
		}
	}
	e.state.put(at, m.info)
	return nil
}

// why counts the nodes that refuse a pod, by what the first plugin says that does.
func (e *Engine) why(ctx context.Context, m *mover) (*Blocked, error) {
	counts := map[Reason]int{}
	count := func(plugin string, status *fwk.Status) {
		for _, message := range status.Reasons() {
			counts[Reason{Plugin: plugin, Message: message}]++
		}
	}
	if err := e.prepare(ctx, m); err != nil {
		return nil, err
	}
	for at, node := range e.state.nodes {
		if e.leaving[at] {
			continue
		}
		if m.class.rejected != nil {
			count(m.class.rejectedBy, m.class.rejected)
			continue
		}
		plugin, status, err := e.refusal(ctx, m, at)
		switch {
		case err != nil:
			return nil, err
		case status != nil:
			count(plugin, status)
		case !isReady(node.Node()):
			counts[Reason{Plugin: "NodeReady", Message: "node(s) are not Ready"}]++
		}
	}
	return &Blocked{Namespace: m.info.Pod.Namespace, Pod: m.info.Pod.Name, Reasons: ranked(counts)}, nil
}

// refusal is what the first plugin says that refuses a node; nil if none does.
func (e *Engine) refusal(ctx context.Context, m *mover, at int) (string, *fwk.Status, error) {
	for _, pl := range e.plugins {
		if pl.filter == nil || m.class.skipped[pl.at] {
			continue
		}
		status := pl.filter.Filter(ctx, m.class.cycle, m.info.Pod, e.state.nodes[at])
		if status.IsRejected() {
			return pl.name, status, nil
		}
		if !status.IsSuccess() {
			return "", nil, pl.failed(m.info.Pod, status)
		}
	}
	return "", nil, nil
}
