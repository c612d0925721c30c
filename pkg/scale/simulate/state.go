package simulate

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// state is a cluster in which pods can be placed and nodes emptied, and all that
// undone. Nodes are known by where they stand in its list.
type state struct {
	nodes []fwk.NodeInfo // each a *framework.NodeInfo
	at    map[string]int
	names []string
	// open are the nodes that take pods: they are Ready, and stay.
	open []bool
	// claims counts the pods of a claim, for those that only one may have.
	claims map[string]int
	kinds  kinds
	undo   []func()
	// versions change with what is on a node, and are never as they were.
	versions []int64
	version  int64
	// epoch changes with what nodes are.
	epoch int
	log   klog.Logger
	// shown, if any, is what plugins see in place of nodes.
	shown []fwk.NodeInfo
}

func newState(log klog.Logger, c Cluster) (*state, error) {
	s := &state{at: map[string]int{}, claims: map[string]int{}, kinds: newKinds(c.Namespaces), log: log}
	pulled := pulledBy(c.Nodes)
	for i, n := range zoneByZone(c.Nodes) {
		info := framework.NewNodeInfo()
		info.SetNode(n)
		for _, image := range n.Status.Images {
			for _, name := range image.Names {
				info.ImageStates[name] = &fwk.ImageStateSummary{Size: image.SizeBytes, NumNodes: pulled[name]}
			}
		}
		s.nodes = append(s.nodes, info)
		s.open = append(s.open, isReady(n))
		s.at[n.Name] = i
		s.names = append(s.names, n.Name)
	}
	s.versions = make([]int64, len(s.nodes))
	for _, p := range c.Pods {
		node, has := s.at[p.Spec.NodeName]
		if !has {
			continue
		}
		info, err := s.kinds.newPod(p)
		if err != nil {
			return nil, err
		}
		s.nodes[node].AddPodInfo(info)
		s.count(node, info, 1)
	}
	return s, nil
}

// zoneByZone are the nodes in the order in which kube-scheduler goes through them:
// one of each zone, and again.
func zoneByZone(nodes []*corev1.Node) []*corev1.Node {
	rank := map[*corev1.Node]int{}
	seen := map[[2]string]int{}
	for _, n := range nodes {
		zone := [2]string{n.Labels[corev1.LabelTopologyRegion], n.Labels[corev1.LabelTopologyZone]}
		rank[n] = seen[zone]
		seen[zone]++
	}
	nodes = slices.Clone(nodes)
	slices.SortStableFunc(nodes, func(a, b *corev1.Node) int { return cmp.Compare(rank[a], rank[b]) })
	return nodes
}

// pulledBy counts the nodes that have an image.
func pulledBy(nodes []*corev1.Node) map[string]int {
	count := map[string]int{}
	for _, n := range nodes {
		mine := map[string]bool{}
		for _, image := range n.Status.Images {
			for _, name := range image.Names {
				if !mine[name] {
					mine[name] = true
					count[name]++
				}
			}
		}
	}
	return count
}

func isReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// count keeps what is known over all nodes in step with one node.
func (s *state) count(node int, p *podInfo, delta int) {
	s.version++
	s.versions[node] = s.version
	p.kind.count(node, delta)
	for _, claim := range p.claims {
		s.claims[claim] += delta
	}
}

// put places a pod.
func (s *state) put(node int, p *podInfo) {
	s.nodes[node].AddPodInfo(p)
	s.count(node, p, 1)
	s.undo = append(s.undo, func() {
		if err := s.nodes[node].RemovePod(s.log, p.Pod); err != nil {
			panic(err) // it was put there above
		}
		s.count(node, p, -1)
	})
}

// close makes a node one that leaves: it is cordoned, and takes no pods, not even
// such as tolerate that.
func (s *state) close(node int) {
	info, was, open := s.nodes[node], s.nodes[node].Node(), s.open[node]
	cordoned := *was
	cordoned.Spec.Unschedulable = true
	if !slices.ContainsFunc(was.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeUnschedulable }) {
		cordoned.Spec.Taints = append(slices.Clip(was.Spec.Taints), corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule})
	}
	info.SetNode(&cordoned)
	s.open[node] = false
	s.epoch++
	s.undo = append(s.undo, func() {
		info.SetNode(was)
		s.open[node] = open
		s.epoch++
	})
}

// vacate takes all pods from a node. The node itself stays: its labels count for
// spread constraints until it is gone.
func (s *state) vacate(node int) {
	was := s.nodes[node]
	ghost := framework.NewNodeInfo()
	ghost.SetNode(was.Node())
	count := func(delta int) {
		for _, p := range was.GetPods() {
			if info, is := p.(*podInfo); is {
				s.count(node, info, delta)
			}
		}
	}
	s.nodes[node] = ghost
	count(-1)
	s.undo = append(s.undo, func() {
		s.nodes[node] = was
		count(1)
	})
}

// revert undoes everything since there was as much to undo, the last first.
func (s *state) revert(to int) {
	for i := len(s.undo) - 1; i >= to; i-- {
		s.undo[i]()
		s.undo[i] = nil
	}
	s.undo = s.undo[:to]
}
