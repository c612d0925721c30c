package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// class are pods that are alike to every plugin: of one owner and one spec. What
// plugins say of one holds for all.
type class struct {
	pod   *corev1.Pod // any of them
	kind  *kind
	cycle fwk.CycleState
	// skipped and unscored are plugins that refuse none of these pods, and like all
	// nodes as much for them.
	skipped, unscored []bool
	// rejected is what a plugin has against these pods on any node.
	rejected   *fwk.Status
	rejectedBy string
	// volumes: plugins are asked anew for every pod, since each may take a volume from
	// the next.
	volumes bool

	onNode  *memo // by what is written on nodes
	request *memo // by what is requested of nodes
	image   *memo // by what nodes have pulled; nil if none says what it has

	hard, soft *spread
	related    *related
}

// memo is what plugins have said of some pods and each node. Classes share it that
// are alike in what those plugins read.
type memo struct {
	key string
	// asked is the node's generation when they were; 0: never.
	asked   []int64
	refused []bool
	scores  []scores
}

// scores are what plugins of a kind say, in their order.
type scores [2]int64

func (e *Engine) memo(prefix string, key any) (*memo, error) {
	text, err := json.Marshal(key)
	if err != nil {
		return nil, err
	}
	name := prefix + string(text)
	m := e.memos[name]
	if m == nil {
		n := len(e.state.nodes)
		m = &memo{key: name, asked: make([]int64, n), refused: make([]bool, n), scores: make([]scores, n)}
		e.memos[name] = m
	}
	return m, nil
}

// classKey is what pods of one class have in common: the names that every pod of an
// owner has for itself, as that of its token's volume, are not part of it.
func classKey(p *corev1.Pod) (string, error) {
	container := func(c *corev1.Container) corev1.Container {
		return corev1.Container{Image: c.Image, Ports: c.Ports, Resources: c.Resources, RestartPolicy: c.RestartPolicy, ResizePolicy: c.ResizePolicy}
	}
	spec := corev1.PodSpec{
		NodeSelector: p.Spec.NodeSelector, Affinity: p.Spec.Affinity, Tolerations: p.Spec.Tolerations, TopologySpreadConstraints: p.Spec.TopologySpreadConstraints,
		HostNetwork: p.Spec.HostNetwork, HostUsers: p.Spec.HostUsers, Overhead: p.Spec.Overhead, Resources: p.Spec.Resources,
	}
	for i := range p.Spec.InitContainers {
		spec.InitContainers = append(spec.InitContainers, container(&p.Spec.InitContainers[i]))
	}
	for i := range p.Spec.Containers {
		spec.Containers = append(spec.Containers, container(&p.Spec.Containers[i]))
	}
	name := ""
	for i := range p.Spec.Volumes {
		v := &p.Spec.Volumes[i]
		if isPlain(v) {
			continue
		}
		spec.Volumes = append(spec.Volumes, *v)
		if v.Ephemeral != nil {
			name = p.Name // of which the claim's is made
		}
	}
	owner := ""
	if o := metav1.GetControllerOfNoCopy(p); o != nil {
		owner = o.APIVersion + " " + o.Kind + " " + o.Name
	}
	text, err := json.Marshal([]any{p.Namespace, name, owner, p.Labels, spec})
	return string(text), err
}

// isPlain: no plugin looks at such a volume.
func isPlain(v *corev1.Volume) bool {
	return v.EmptyDir != nil || v.HostPath != nil || v.Secret != nil || v.ConfigMap != nil || v.DownwardAPI != nil || v.Projected != nil
}

// classOf finds the class of a pod that needs a place.
func (e *Engine) classOf(ctx context.Context, info *podInfo) (*class, error) {
	p := info.Pod
	key, err := classKey(p)
	if err != nil {
		return nil, err
	}
	if c := e.classes[key]; c != nil {
		return c, nil
	}
	c := &class{pod: p, kind: info.kind, cycle: framework.NewCycleState(), skipped: make([]bool, len(e.plugins)), unscored: make([]bool, len(e.plugins))}
	c.volumes = slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return !isPlain(&v) && v.Image == nil })
	if err := e.ask(ctx, c, p); err != nil {
		return nil, err
	}
	if err := e.remember(c, info); err != nil {
		return nil, err
	}
	if c.hard, err = e.hardSpread(p); err != nil {
		return nil, err
	}
	c.skipped[e.spreading.at] = c.hard == nil
	if c.soft, err = e.softSpread(p); err != nil {
		return nil, err
	}
	c.related = e.relatedTo(c.kind)
	e.classes[key] = c
	return c, nil
}

// remember finds the memos of a class.
func (e *Engine) remember(c *class, info *podInfo) error {
	var affinity *corev1.NodeAffinity
	if c.pod.Spec.Affinity != nil {
		affinity = c.pod.Spec.Affinity.NodeAffinity
	}
	var err error
	if c.onNode, err = e.memo("node", []any{c.pod.Spec.NodeSelector, affinity, c.pod.Spec.Tolerations}); err != nil {
		return err
	}
	r := info.CalculateResource()
	if c.request, err = e.memo("requests", []any{
		r.Resource.GetMilliCPU(), r.Resource.GetMemory(), r.Resource.GetEphemeralStorage(), r.Resource.GetScalarResources(), r.Non0CPU, r.Non0Mem,
	}); err != nil {
		return err
	}
	if !e.pulled {
		return nil
	}
	var images []string
	for _, container := range slices.Concat(c.pod.Spec.InitContainers, c.pod.Spec.Containers) {
		images = append(images, container.Image)
	}
	for _, v := range c.pod.Spec.Volumes {
		if v.Image != nil {
			images = append(images, "volume", v.Image.Reference)
		}
	}
	c.image, err = e.memo("images", images)
	return err
}

// ask asks all plugins about a pod, as far as their answers do not depend on where
// others are.
func (e *Engine) ask(ctx context.Context, c *class, p *corev1.Pod) error {
	c.rejected = nil
	for _, pl := range e.plugins {
		if pl.reads == topology || pl.reads == affinities {
			continue
		}
		if pl.preFilter != nil {
			_, status := pl.preFilter.PreFilter(ctx, c.cycle, p, e.state.nodes)
			switch {
			case status.IsRejected():
				c.rejected, c.rejectedBy = status, pl.name
				return nil
			case !status.IsSuccess() && !status.IsSkip():
				return pl.failed(p, status)
			}
			c.skipped[pl.at] = status.IsSkip()
		}
		if pl.preScore != nil && pl.reads != anything {
			status := pl.preScore.PreScore(ctx, c.cycle, p, e.state.nodes)
			if !status.IsSuccess() && !status.IsSkip() {
				return pl.failed(p, status)
			}
			c.unscored[pl.at] = status.IsSkip()
		}
	}
	return nil
}

func (pl *plugin) failed(p *corev1.Pod, status *fwk.Status) error {
	return fmt.Errorf("pod %s/%s: the scheduler's plugin %s: %w", p.Namespace, p.Name, pl.name, status.AsError())
}
