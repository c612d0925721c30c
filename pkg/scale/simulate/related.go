package simulate

import (
	"context"

	fwk "k8s.io/kube-scheduler/framework"
)

// related is what InterPodAffinity knows of a class: the pods that it wants to be
// with, or apart from, and those that want that of it. All others are left out of
// what the plugin sees.
type related struct {
	matching
	shown []fwk.NodeInfo // a shade for each node that has such pods
}

func (e *Engine) relatedTo(own *kind) *related {
	all := &e.state.kinds
	r := &related{}
	r.sources = append(r.sources, source{list: all.affine, matches: func(k *kind) bool { return all.wants(k.one, own.one) }})
	for _, t := range own.one.terms() {
		r.sources = append(r.sources, source{list: all.selected(t.Selector), matches: func(k *kind) bool { return t.Matches(k.one.Pod, all.namespaces[k.one.Pod.Namespace]) }})
	}
	return r
}

// prepareRelated asks InterPodAffinity about a class, unless no pod that it has to
// do with has moved since.
func (e *Engine) prepareRelated(ctx context.Context, c *class) error {
	r := c.related
	if !r.update() {
		return nil
	}
	e.relate(r)
	pl := e.affinity
	e.state.shown = r.shown
	_, status := pl.preFilter.PreFilter(ctx, c.cycle, c.pod, r.shown)
	e.state.shown = nil
	if !status.IsSuccess() && !status.IsSkip() {
		return pl.failed(c.pod, status)
	}
	c.skipped[pl.at] = status.IsSkip()
	return nil
}

// relate makes the shades.
func (e *Engine) relate(r *related) {
	shades := map[int]*shade{}
	r.shown = make([]fwk.NodeInfo, 0, len(r.shown))
	for _, k := range r.kinds {
		affine := k.one.hasTerms()
		for at, n := range k.on {
			s := shades[at]
			if s == nil {
				s = &shade{NodeInfo: e.state.nodes[at]}
				shades[at] = s
				r.shown = append(r.shown, s)
			}
			for range n {
				s.pods = append(s.pods, k.one)
				if affine {
					s.withAffinity = append(s.withAffinity, k.one)
				}
				if len(k.one.RequiredAntiAffinityTerms) > 0 {
					s.withAntiAffinity = append(s.withAntiAffinity, k.one)
				}
			}
		}
	}
}

// scoreRelated adds what InterPodAffinity says of the nodes found.
func (e *Engine) scoreRelated(ctx context.Context, pl *plugin, c *class) error {
	if len(c.related.kinds) == 0 {
		return nil
	}
	e.state.shown = c.related.shown
	status := pl.preScore.PreScore(ctx, c.cycle, c.pod, nil)
	e.state.shown = nil
	switch {
	case status.IsSkip():
		return nil
	case !status.IsSuccess():
		return pl.failed(c.pod, status)
	}
	return e.scoreAll(ctx, pl, c)
}
