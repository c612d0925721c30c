package simulate

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
)

// spread is what PodTopologySpread knows of a class. It counts pods over topology
// domains, and asks of nodes and pods nothing but their labels, taints and
// namespaces: so nodes that are the same to it stand for one another, and pods that
// no selector matches are left out. The plugin's own way of keeping its counts up
// to date (AddPod) is for one node, and loses the minimum of three domains.
type spread struct {
	matching
	keys []string // of topologies, but a soft one's hostname: that is counted node by node
	// alike: one selector, so that a node's count is one number.
	alike bool

	epoch  int
	groups *groups
	shown  []fwk.NodeInfo // a shade for each group
	takes  []answer       // by group, since the plugin was prepared
}

type answer int8

const (
	unknown answer = iota
	yes
	no
)

// groups are nodes that are the same to PodTopologySpread, for some pods.
type groups struct {
	of    []int // each node's
	first []int // one node of each
	// complete: it has all keys.
	complete []bool
}

// group finds the groups of nodes by the keys of topologies, by taints, and by
// whether they match what the pod asks of nodes.
func (e *Engine) group(c *class, keys []string) *groups {
	if e.groupedIn != e.state.epoch {
		e.grouped, e.groupedIn = map[string]*groups{}, e.state.epoch
	}
	name := strings.Join(keys, "\x00") + "\x00" + c.onNode.key
	if g := e.grouped[name]; g != nil {
		return g
	}
	g := &groups{of: make([]int, len(e.state.nodes))}
	required := nodeaffinity.GetRequiredNodeAffinity(c.pod)
	seen := map[string]int{}
	var text []byte
	for at, info := range e.state.nodes {
		node := info.Node()
		matches, err := required.Match(node)
		text = fmt.Append(text[:0], matches, err != nil)
		_, complete := node.Labels[corev1.LabelHostname]
		text = fmt.Append(text, "\x00", complete)
		for _, key := range keys {
			value, has := node.Labels[key]
			complete = complete && has
			text = fmt.Append(text, "\x00", has, value)
		}
		for _, t := range node.Spec.Taints {
			text = fmt.Append(text, "\x00", t.Key, "=", t.Value, ":", t.Effect)
		}
		number, has := seen[string(text)]
		if !has {
			number = len(g.first)
			seen[string(text)] = number
			g.first, g.complete = append(g.first, at), append(g.complete, complete)
		}
		g.of[at] = number
	}
	e.grouped[name] = g
	return g
}

// hardSpread is of what keeps pods from nodes; nil if nothing does.
func (e *Engine) hardSpread(p *corev1.Pod) (*spread, error) {
	return e.spreadOf(p, corev1.DoNotSchedule)
}

// softSpread is of what makes nodes better for pods: their own constraints, or the
// default ones, which count the pods of their services and owner.
func (e *Engine) softSpread(p *corev1.Pod) (*spread, error) {
	if len(p.Spec.TopologySpreadConstraints) > 0 {
		return e.spreadOf(p, corev1.ScheduleAnyway)
	}
	core, apps := e.handle.factory.Core().V1(), e.handle.factory.Apps().V1()
	selector := helper.DefaultSelector(p, core.Services().Lister(), core.ReplicationControllers().Lister(), apps.ReplicaSets().Lister(), apps.StatefulSets().Lister())
	if selector.Empty() {
		return nil, nil
	}
	s := &spread{keys: []string{corev1.LabelTopologyZone}, alike: true} // and hostname
	s.sources = append(s.sources, e.source(p.Namespace, selector))
	return s, nil
}

// source is where pods are found that a constraint counts.
func (e *Engine) source(namespace string, s labels.Selector) source {
	return source{list: e.state.kinds.selected(s), matches: func(k *kind) bool {
		return k.one.Pod.Namespace == namespace && s.Matches(labels.Set(k.one.Pod.Labels))
	}}
}

func (e *Engine) spreadOf(p *corev1.Pod, action corev1.UnsatisfiableConstraintAction) (*spread, error) {
	var s *spread
	var first *corev1.TopologySpreadConstraint
	for i := range p.Spec.TopologySpreadConstraints {
		constraint := &p.Spec.TopologySpreadConstraints[i]
		if constraint.WhenUnsatisfiable != action {
			continue
		}
		if s == nil {
			s, first = &spread{alike: true}, constraint
		}
		s.alike = s.alike && len(constraint.MatchLabelKeys) == 0 && equality.Semantic.DeepEqual(constraint.LabelSelector, first.LabelSelector)
		// Without matchLabelKeys it matches more: the plugin does not count those.
		selector, err := metav1.LabelSelectorAsSelector(constraint.LabelSelector)
		if err != nil {
			return nil, fmt.Errorf("pod %s/%s: %w", p.Namespace, p.Name, err)
		}
		s.sources = append(s.sources, e.source(p.Namespace, selector))
		if action == corev1.DoNotSchedule || constraint.TopologyKey != corev1.LabelHostname {
			s.keys = append(s.keys, constraint.TopologyKey)
		}
	}
	return s, nil
}

// refresh brings the shades up to date. It is false if nothing has changed.
func (e *Engine) refresh(c *class, s *spread) bool {
	changed := s.update()
	if !changed && s.epoch == e.state.epoch {
		return false
	}
	if s.groups == nil || s.epoch != e.state.epoch {
		s.groups, s.epoch = e.group(c, s.keys), e.state.epoch
		s.shown = make([]fwk.NodeInfo, len(s.groups.first))
		s.takes = make([]answer, len(s.groups.first))
		for g, at := range s.groups.first {
			s.shown[g] = &shade{NodeInfo: e.state.nodes[at]}
		}
	}
	shades := make([]*shade, len(s.shown))
	for g, info := range s.shown {
		if known, is := info.(*shade); is {
			known.pods, shades[g] = known.pods[:0], known
		}
	}
	for _, k := range s.kinds {
		for at, n := range k.on {
			in := shades[s.groups.of[at]]
			for range n {
				in.pods = append(in.pods, k.one)
			}
		}
	}
	clear(s.takes)
	return true
}

// prepareSpread asks PodTopologySpread about a class, unless no pod that it counts
// has moved since.
func (e *Engine) prepareSpread(ctx context.Context, c *class) error {
	if c.hard == nil || !e.refresh(c, c.hard) {
		return nil
	}
	_, status := e.spreading.preFilter.PreFilter(ctx, c.cycle, c.pod, c.hard.shown)
	if !status.IsSuccess() {
		return e.spreading.failed(c.pod, status)
	}
	return nil
}

// spreads says whether a node takes a pod, as far as PodTopologySpread goes.
func (e *Engine) spreads(ctx context.Context, c *class, at int) (bool, error) {
	if c.hard == nil {
		return true, nil
	}
	known := &c.hard.takes[c.hard.groups.of[at]]
	if *known == unknown {
		*known = yes
		if status := e.spreading.filter.Filter(ctx, c.cycle, c.pod, e.state.nodes[at]); !status.IsSuccess() {
			if !status.IsRejected() {
				return false, e.spreading.failed(c.pod, status)
			}
			*known = no
		}
	}
	return *known == yes, nil
}

// scoreSpread adds what PodTopologySpread says of the nodes found.
func (e *Engine) scoreSpread(ctx context.Context, pl *plugin, c *class) error {
	s := c.soft
	if s == nil {
		return nil
	}
	e.refresh(c, s)
	e.foundInfos = e.foundInfos[:0]
	for _, at := range e.found {
		node := e.state.nodes[at]
		if g := s.groups.of[at]; s.groups.complete[g] {
			node = s.shown[g] // the plugin counts it, and looks at its topologies
		}
		e.foundInfos = append(e.foundInfos, node)
	}
	e.state.shown = s.shown
	status := pl.preScore.PreScore(ctx, c.cycle, c.pod, e.foundInfos)
	e.state.shown = nil
	switch {
	case status.IsSkip():
		return nil
	case !status.IsSuccess():
		return pl.failed(c.pod, status)
	case !s.alike:
		return e.scoreAll(ctx, pl, c)
	}
	for _, k := range s.kinds {
		for at, n := range k.on {
			e.here[at] += n
		}
	}
	list := e.list()
	e.likes = e.likes[:0]
	for i, at := range e.found {
		var err error
		if list[i].Score, err = e.likesSpread(ctx, pl, c, at); err != nil {
			return err
		}
	}
	for _, k := range s.kinds {
		for at := range k.on {
			e.here[at] = 0
		}
	}
	return e.add(ctx, pl, c, list)
}

// liked is what PodTopologySpread says of the nodes of a group that have as many of
// the pods that it counts.
type liked struct {
	group, here int
	score       int64
}

func (e *Engine) likesSpread(ctx context.Context, pl *plugin, c *class, at int) (int64, error) {
	l := liked{group: c.soft.groups.of[at], here: e.here[at]}
	for _, known := range e.likes {
		if known.group == l.group && known.here == l.here {
			return known.score, nil
		}
	}
	sample := &shade{NodeInfo: e.state.nodes[at]}
	for _, k := range c.soft.kinds {
		for range k.on[at] {
			sample.pods = append(sample.pods, k.one)
		}
	}
	score, status := pl.score.Score(ctx, c.cycle, c.pod, sample)
	if !status.IsSuccess() {
		return 0, pl.failed(c.pod, status)
	}
	l.score = score
	e.likes = append(e.likes, l)
	return score, nil
}
