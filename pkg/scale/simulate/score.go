package simulate

import (
	"context"
	"math/rand/v2"

	fwk "k8s.io/kube-scheduler/framework"
)

// best is the node of those found that the score plugins like best; of such that
// they like as much, any.
func (e *Engine) best(ctx context.Context, m *mover, random *rand.Rand) (int, error) {
	e.totals = append(e.totals[:0], make([]int64, len(e.found))...)
	c := m.class
	var nodes, sizes int
	for _, pl := range e.plugins {
		if pl.score == nil {
			continue
		}
		var err error
		switch pl.reads {
		case theNode:
			err = e.remembered(ctx, pl, c, c.onNode, nodes)
			nodes++
		case requests:
			err = e.remembered(ctx, pl, c, c.request, sizes)
			sizes++
		case images:
			err = e.scoreImages(ctx, pl, c)
		case topology:
			err = e.scoreSpread(ctx, pl, c)
		case affinities:
			err = e.scoreRelated(ctx, pl, c)
		case anything:
			err = e.scoreAnew(ctx, pl, m)
		}
		if err != nil {
			return 0, err
		}
	}
	top, ties := 0, 1
	for i := 1; i < len(e.totals); i++ {
		switch {
		case e.totals[i] > e.totals[top]:
			top, ties = i, 1
		case e.totals[i] == e.totals[top]:
			ties++
			if random.IntN(ties) == 0 {
				top = i
			}
		}
	}
	return e.found[top], nil
}

// remembered adds scores that are known; nth is which they are of a memo's.
func (e *Engine) remembered(ctx context.Context, pl *plugin, c *class, known *memo, nth int) error {
	first, same := known.scores[e.found[0]][nth], true
	for _, at := range e.found {
		same = same && known.scores[at][nth] == first
	}
	if same { // what is the same of all decides nothing
		return nil
	}
	if pl.score.ScoreExtensions() == nil {
		for i, at := range e.found {
			e.totals[i] += known.scores[at][nth] * pl.weight
		}
		return nil
	}
	list := e.list()
	for i, at := range e.found {
		list[i].Score = known.scores[at][nth]
	}
	return e.add(ctx, pl, c, list)
}

func (e *Engine) scoreImages(ctx context.Context, pl *plugin, c *class) error {
	if c.image == nil {
		return nil
	}
	for _, at := range e.found {
		if err := e.know(ctx, c, c.image, images, at, 1); err != nil {
			return err
		}
	}
	return e.remembered(ctx, pl, c, c.image, 0)
}

// scoreAnew asks a plugin that looks at volumes.
func (e *Engine) scoreAnew(ctx context.Context, pl *plugin, m *mover) error {
	c := m.class
	if !c.volumes {
		return nil
	}
	if pl.preScore != nil {
		switch status := pl.preScore.PreScore(ctx, c.cycle, m.info.Pod, e.infos()); {
		case status.IsSkip():
			return nil
		case !status.IsSuccess():
			return pl.failed(m.info.Pod, status)
		}
	}
	return e.scoreAll(ctx, pl, c)
}

// scoreAll asks a plugin about every node found.
func (e *Engine) scoreAll(ctx context.Context, pl *plugin, c *class) error {
	list := e.list()
	for i, at := range e.found {
		likes, status := pl.score.Score(ctx, c.cycle, c.pod, e.state.nodes[at])
		if !status.IsSuccess() {
			return pl.failed(c.pod, status)
		}
		list[i].Score = likes
	}
	return e.add(ctx, pl, c, list)
}

// add adds scores, normalized as the plugin does it.
func (e *Engine) add(ctx context.Context, pl *plugin, c *class, list fwk.NodeScoreList) error {
	if normal := pl.score.ScoreExtensions(); normal != nil {
		if status := normal.NormalizeScore(ctx, c.cycle, c.pod, list); !status.IsSuccess() {
			return pl.failed(c.pod, status)
		}
	}
	for i := range list {
		e.totals[i] += list[i].Score * pl.weight
	}
	return nil
}

// list is for the scores of the nodes found.
func (e *Engine) list() fwk.NodeScoreList {
	e.scored = e.scored[:0]
	for _, at := range e.found {
		e.scored = append(e.scored, fwk.NodeScore{Name: e.state.names[at]})
	}
	return e.scored
}

// infos are the nodes found.
func (e *Engine) infos() []fwk.NodeInfo {
	e.foundInfos = e.foundInfos[:0]
	for _, at := range e.found {
		e.foundInfos = append(e.foundInfos, e.state.nodes[at])
	}
	return e.foundInfos
}
