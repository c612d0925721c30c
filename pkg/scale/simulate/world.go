package simulate

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// ghostTaint is on nodes that leave: nothing goes there. The nodes themselves stay,
// since spread constraints count their zones until they are gone.
const ghostTaint = "kubectl-fleet.io/leaving"

// world is a cluster in which pods can be placed and nodes emptied, and all that
// undone.
type world struct {
	scheduler framework.Framework
	nodes     map[string]*framework.NodeInfo
	list      []fwk.NodeInfo
	log       []change
	next      int // where the search for a node begins
	random    *rand.Rand
	claims    map[string]int // pods by claim, for those that only one may have
}

// change is something that can be undone.
type change struct {
	node  *framework.NodeInfo
	pod   *framework.PodInfo // placed there, or taken away
	taken bool
	was   *corev1.Node // what the node was, where its taints were changed
}

func newWorld(ctx context.Context, c Cluster) (*world, error) {
	w := &world{nodes: map[string]*framework.NodeInfo{}, claims: map[string]int{}}
	for _, n := range c.Nodes {
		info := framework.NewNodeInfo()
		info.SetNode(n)
		w.nodes[n.Name] = info
		w.list = append(w.list, info)
	}
	for _, p := range c.Pods {
		info, has := w.nodes[p.Spec.NodeName]
		if !has {
			continue
		}
		pod, err := framework.NewPodInfo(p)
		if err != nil {
			return nil, fmt.Errorf("pod %s/%s: %w", p.Namespace, p.Name, err)
		}
		w.add(info, pod)
	}
	var err error
	w.scheduler, err = newScheduler(ctx, c, w)
	return w, err
}

func (w *world) add(n *framework.NodeInfo, p *framework.PodInfo) {
	n.AddPodInfo(p)
	for _, claim := range claimsOf(p.Pod) {
		w.claims[claim]++
	}
}

func (w *world) drop(ctx context.Context, n *framework.NodeInfo, p *framework.PodInfo) {
	if err := n.RemovePod(klog.FromContext(ctx), p.Pod); err != nil {
		panic(err) // it was put there by us
	}
	for _, claim := range claimsOf(p.Pod) {
		w.claims[claim]--
	}
}

func claimsOf(p *corev1.Pod) []string {
	var names []string
	for _, v := range p.Spec.Volumes {
		if v.PersistentVolumeClaim != nil {
			names = append(names, framework.GetNamespacedName(p.Namespace, v.PersistentVolumeClaim.ClaimName))
		}
	}
	return names
}

// begin begins a way of placing.
func (w *world) begin(random *rand.Rand) {
	w.next, w.random = 0, random
	if random != nil {
		w.next = random.IntN(len(w.list))
	}
}

// fork is a time to which revert goes back.
func (w *world) fork() int { return len(w.log) }

// revert undoes everything since a time, the last first.
func (w *world) revert(ctx context.Context, to int) {
	for i := len(w.log) - 1; i >= to; i-- {
		switch c := w.log[i]; {
		case c.was != nil:
			c.node.SetNode(c.was)
		case c.taken:
			w.add(c.node, c.pod)
		default:
			w.drop(ctx, c.node, c.pod)
		}
	}
	w.log = w.log[:to]
}

// taint makes a node a ghost: it takes no pods any more.
func (w *world) taint(name string) {
	info, has := w.nodes[name]
	if !has {
		return
	}
	was := info.Node()
	ghost := *was
	ghost.Spec.Taints = append(slices.Clip(ghost.Spec.Taints), corev1.Taint{Key: ghostTaint, Effect: corev1.TaintEffectNoSchedule})
	ghost.Spec.Unschedulable = true
	info.SetNode(&ghost)
	w.log = append(w.log, change{node: info, was: was})
}

// empty takes all pods from a node.
func (w *world) empty(ctx context.Context, name string) {
	info, has := w.nodes[name]
	if !has {
		return
	}
	for _, p := range slices.Clone(info.Pods) {
		pod, is := p.(*framework.PodInfo)
		if !is {
			continue
		}
		w.drop(ctx, info, pod)
		w.log = append(w.log, change{node: info, pod: pod, taken: true})
	}
}

// leave lets one node leave: all its pods find places, or it is as it was.
func (w *world) leave(ctx context.Context, l Leaving, pods []*corev1.Pod, score bool, o *outcome, at int) error {
	before := w.fork()
	w.empty(ctx, l.Node)
	to := map[types.UID]string{}
	for _, p := range pods {
		node, blocked, err := w.place(ctx, p, score)
		if err != nil {
			return err
		}
		if node == "" {
			o.blocked[at] = blocked
			w.revert(ctx, before)
			return nil
		}
		to[p.UID] = node
	}
	o.to[at] = to
	return nil
}

// place finds a node for a pod, and puts it there. Without one it says why.
func (w *world) place(ctx context.Context, p *corev1.Pod, score bool) (string, *Blocked, error) {
	pod := asNew(p)
	state := framework.NewCycleState()
	narrowed, status, _ := w.scheduler.RunPreFilterPlugins(ctx, state, pod)
	if !status.IsSuccess() {
		if !status.IsRejected() {
			return "", nil, fmt.Errorf("pod %s/%s: %w", p.Namespace, p.Name, status.AsError())
		}
		return "", &Blocked{Namespace: p.Namespace, Pod: p.Name, Reasons: []Reason{{Plugin: status.Plugin(), Message: status.Message(), Nodes: len(w.list)}}}, nil
	}
	found, why, err := w.feasible(ctx, state, pod, narrowed, score)
	if err != nil {
		return "", nil, err
	}
	if len(found) == 0 {
		return "", &Blocked{Namespace: p.Namespace, Pod: p.Name, Reasons: why}, nil
	}
	best := found[0]
	if score && len(found) > 1 {
		if best, err = w.best(ctx, state, pod, found); err != nil {
			return "", nil, err
		}
	}
	info := w.nodes[best.Node().Name]
	pod.Spec.NodeName = info.Node().Name
	podInfo, err := framework.NewPodInfo(pod)
	if err != nil {
		return "", nil, err
	}
	w.add(info, podInfo)
	w.log = append(w.log, change{node: info, pod: podInfo})
	return pod.Spec.NodeName, nil, nil
}

// sample is how many nodes that take a pod are scored. kube-scheduler scores some as
// well (percentageOfNodesToScore); where fewer take it, all are.
const sample = 16

// feasible finds nodes that take a pod, going around from where the last search
// ended, as kube-scheduler does: the first, or as many as are scored.
func (w *world) feasible(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, narrowed *fwk.PreFilterResult, score bool) ([]fwk.NodeInfo, []Reason, error) {
	most := 1
	if score {
		most = sample
	}
	var found []fwk.NodeInfo
	counts := map[Reason]int{}
	for i := range w.list {
		at := (w.next + i) % len(w.list)
		n := w.list[at]
		if !narrowed.AllNodes() && !narrowed.NodeNames.Has(n.Node().Name) {
			counts[Reason{Message: "node(s) didn't satisfy what the pod asks of nodes"}]++
			continue
		}
		if !isReady(n.Node()) {
			counts[Reason{Plugin: "NodeReady", Message: "node(s) are not Ready"}]++
			continue
		}
		status := w.scheduler.RunFilterPlugins(ctx, state, pod, n)
		if status.IsSuccess() {
			found = append(found, n)
			if len(found) == most {
				w.next = at + 1
				break
			}
			continue
		}
		if !status.IsRejected() {
			return nil, nil, status.AsError()
		}
		counts[Reason{Plugin: status.Plugin(), Message: strings.Join(status.Reasons(), ", ")}]++
	}
	var why []Reason
	for r, n := range counts {
		r.Nodes = n
		why = append(why, r)
	}
	slices.SortFunc(why, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Nodes, a.Nodes), strings.Compare(a.Message, b.Message))
	})
	return found, why, nil
}

// best is the node that the score plugins like best; of equal ones any.
func (w *world) best(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, found []fwk.NodeInfo) (fwk.NodeInfo, error) {
	if status := w.scheduler.RunPreScorePlugins(ctx, state, pod, found); !status.IsSuccess() {
		return nil, status.AsError()
	}
	scores, status := w.scheduler.RunScorePlugins(ctx, state, pod, found)
	if !status.IsSuccess() {
		return nil, status.AsError()
	}
	top, ties := 0, 1
	for i := 1; i < len(scores); i++ {
		switch c := cmp.Compare(scores[i].TotalScore, scores[top].TotalScore); {
		case c > 0:
			top, ties = i, 1
		case c == 0:
			ties++
			if w.random.IntN(ties) == 0 {
				top = i
			}
		}
	}
	return found[top], nil
}

// loseFullest asks whether the pods of the fullest node that stays would have
// places, if that were lost.
func (w *world) loseFullest(ctx context.Context, leaving []Leaving) (*Blocked, error) {
	left := map[string]bool{}
	for _, l := range leaving {
		left[l.Node] = true
	}
	var fullest *framework.NodeInfo
	size := func(n *framework.NodeInfo) int64 { return n.Requested.MilliCPU + n.Requested.Memory>>22 }
	for _, info := range w.list {
		n := w.nodes[info.Node().Name]
		if !left[n.Node().Name] && isReady(n.Node()) && !n.Node().Spec.Unschedulable && (fullest == nil || size(n) > size(fullest)) {
			fullest = n
		}
	}
	if fullest == nil {
		return nil, nil
	}
	var pods []*corev1.Pod
	for _, p := range fullest.Pods {
		pod := p.GetPod()
		owner := metav1.GetControllerOfNoCopy(pod)
		if pod.Annotations[corev1.MirrorPodAnnotationKey] == "" && (owner == nil || owner.Kind != "DaemonSet") {
			pods = append(pods, pod)
		}
	}
	o := &outcome{to: make([]map[types.UID]string, 1), blocked: make([]*Blocked, 1)}
	before := w.fork()
	defer w.revert(ctx, before)
	name := fullest.Node().Name
	w.taint(name)
	err := w.leave(ctx, Leaving{Node: name}, ordered(pods, nil), false, o, 0)
	return o.blocked[0], err
}

func isReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// asNew is a pod as its controller would make it anew.
func asNew(p *corev1.Pod) *corev1.Pod {
	pod := *p
	pod.Spec.NodeName = ""
	pod.Status = corev1.PodStatus{}
	pod.DeletionTimestamp = nil
	return &pod
}
