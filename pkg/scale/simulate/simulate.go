// Package simulate says where pods would run if nodes left, as kube-scheduler would
// decide it: by its own plugins, on a copy of the cluster. It is the one package
// that imports k8s.io/kubernetes.
package simulate

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"
)

// Cluster is what the scheduler would know of a cluster. Nothing in it is changed.
type Cluster struct {
	Nodes []*corev1.Node
	// Pods are bound to nodes, and have not ended.
	Pods []*corev1.Pod
	// Pending need a place already. Those that have none today are not counted against
	// a plan.
	Pending []*corev1.Pod

	Namespaces             []*corev1.Namespace
	Services               []*corev1.Service
	ReplicationControllers []*corev1.ReplicationController
	ReplicaSets            []*appsv1.ReplicaSet
	StatefulSets           []*appsv1.StatefulSet

	Claims         []*corev1.PersistentVolumeClaim
	Volumes        []*corev1.PersistentVolume
	StorageClasses []*storagev1.StorageClass
	CSINodes       []*storagev1.CSINode
	CSIDrivers     []*storagev1.CSIDriver
	Attachments    []*storagev1.VolumeAttachment
	Capacities     []*storagev1.CSIStorageCapacity
}

// Leaving is a node that is to go, and the pods of it that need another place. The
// others go with it.
type Leaving struct {
	Node string
	Pods []*corev1.Pod
}

// Verdict says whether the pods of a node have places elsewhere.
type Verdict string

// The verdicts.
const (
	// Fits: with the default filter and score plugins, in every one of several orders
	// in which they might come, and without preemption.
	Fits Verdict = "Fits"
	// Tight: in one way at least, and not in every.
	Tight Verdict = "Tight"
	// NoPlace: in none that was tried.
	NoPlace Verdict = "NoPlace"
)

// Move is where the pods of a leaving node go.
type Move struct {
	Node    string
	Verdict Verdict
	// To has the node of each pod in the first way that was found, by the pod's UID.
	To map[types.UID]string
	// Blocked is a pod that had no place, unless all fit.
	Blocked *Blocked
}

// Blocked is a pod without a place.
type Blocked struct {
	Namespace, Pod string
	// Reasons are why nodes refuse it, the most frequent first.
	Reasons []Reason
}

// Reason is why nodes refuse a pod, in the scheduler's words.
type Reason struct {
	Plugin, Message string
	// Nodes counts those that refuse it so.
	Nodes int
}

// Placement is what happens if nodes leave.
type Placement struct {
	// Moves are in the order of the nodes.
	Moves []Move
	// Reserve is a pod of the fullest node that stays which would have no place if that
	// node were lost, too (N+1); nil if all have, or that was not asked.
	Reserve *Blocked
}

// Options are how a placement is looked for.
type Options struct {
	// Orders is in how many shuffled orders the pods come; 0 means 5.
	Orders int
	Seed   uint64
	// Reserve asks whether one more node could be lost.
	Reserve bool
}

const defaultOrders = 5

// Engine places pods in one cluster.
type Engine struct {
	options Options
	worlds  []*world // one for each order, and the first for the plain one
	cluster Cluster
}

// New reads a cluster. It copies no pods.
func New(ctx context.Context, c Cluster, o Options) (*Engine, error) {
	o.Orders = cmp.Or(o.Orders, defaultOrders)
	e := &Engine{options: o, cluster: c}
	w, err := newWorld(ctx, c)
	if err != nil {
		return nil, err
	}
	e.worlds = []*world{w}
	return e, nil
}

// Place says what happens if these nodes leave, in this order. Every call begins
// with the cluster as it was given.
func (e *Engine) Place(ctx context.Context, leaving []Leaving) (*Placement, error) {
	result := &Placement{}
	if len(leaving) == 0 {
		return result, nil
	}
	plain, err := e.try(ctx, leaving, nil)
	if err != nil {
		return nil, err
	}
	orders := make([]*outcome, e.options.Orders)
	for i := range orders {
		random := rand.New(rand.NewPCG(e.options.Seed, uint64(i)+1)) //nolint:gosec // a simulation repeats itself
		if orders[i], err = e.try(ctx, leaving, random); err != nil {
			return nil, err
		}
	}
	all := append([]*outcome{plain}, orders...)
	for i, l := range leaving {
		m := Move{Node: l.Node, Verdict: Fits}
		found := 0
		for k, o := range all {
			switch {
			case o.to[i] != nil:
				found++
				if m.To == nil {
					m.To = o.to[i]
				}
			case k > 0 || m.Blocked == nil:
				m.Blocked = cmp.Or(m.Blocked, o.blocked[i])
			}
		}
		inOrders := 0
		for _, o := range orders {
			if o.to[i] != nil {
				inOrders++
			}
		}
		switch {
		case found == 0:
			m.Verdict = NoPlace
		case inOrders < len(orders):
			m.Verdict = Tight
		default:
			m.Blocked = nil
		}
		result.Moves = append(result.Moves, m)
	}
	result.Reserve = plain.reserve
	return result, nil
}

// outcome is one way of placing.
type outcome struct {
	to      []map[types.UID]string // nil for a node whose pods have no places
	blocked []*Blocked
	reserve *Blocked
}

// try lets nodes leave in one way: the biggest pods first onto the first node that
// takes them, or, with random, in a shuffled order onto the node that the score
// plugins like best.
func (e *Engine) try(ctx context.Context, leaving []Leaving, random *rand.Rand) (*outcome, error) {
	w := e.worlds[0]
	begin := w.fork()
	defer w.revert(ctx, begin)
	w.begin(random)
	for _, l := range leaving {
		w.taint(l.Node)
	}
	for _, p := range e.cluster.Pending {
		if _, _, err := w.place(ctx, p, random != nil); err != nil {
			return nil, err
		}
	}
	o := &outcome{to: make([]map[types.UID]string, len(leaving)), blocked: make([]*Blocked, len(leaving))}
	for i, l := range leaving {
		if err := w.leave(ctx, l, ordered(l.Pods, random), random != nil, o, i); err != nil {
			return nil, err
		}
	}
	if e.options.Reserve && random == nil {
		blocked, err := w.loseFullest(ctx, leaving)
		if err != nil {
			return nil, err
		}
		o.reserve = blocked
	}
	return o, nil
}

// ordered are pods in the order in which they come: by priority, then the biggest
// first, or shuffled.
func ordered(pods []*corev1.Pod, random *rand.Rand) []*corev1.Pod {
	pods = slices.Clone(pods)
	if random != nil {
		random.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
		slices.SortStableFunc(pods, func(a, b *corev1.Pod) int { return cmp.Compare(priority(b), priority(a)) })
		return pods
	}
	size := map[*corev1.Pod]int64{}
	for _, p := range pods {
		requests := resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{})
		size[p] = requests.Cpu().MilliValue() + requests.Memory().Value()>>22 // 1 CPU weighs as 4 GiB
	}
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(priority(b), priority(a)), cmp.Compare(size[b], size[a]), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return pods
}

func priority(p *corev1.Pod) int32 {
	if p.Spec.Priority == nil {
		return 0
	}
	return *p.Spec.Priority
}

// NotModelled is what the plugins here do not know of this cluster, in sentences.
func (e *Engine) NotModelled() []string {
	out := []string{"preemption: a pod of higher priority may displace others"}
	others, claims, groups := map[string]int{}, 0, 0
	for _, p := range e.cluster.Pods {
		if name := p.Spec.SchedulerName; name != "" && name != corev1.DefaultSchedulerName {
			others[name]++
		}
		if len(p.Spec.ResourceClaims) > 0 {
			claims++
		}
		if p.Spec.SchedulingGroup != nil {
			groups++
		}
	}
	if claims > 0 {
		out = append(out, fmt.Sprintf("dynamic resources: %d pods have resource claims", claims))
	}
	if groups > 0 {
		out = append(out, fmt.Sprintf("gangs: %d pods are of pod groups", groups))
	}
	var names []string
	for name, n := range others {
		names = append(names, fmt.Sprintf("%s (%d pods)", name, n))
	}
	slices.Sort(names)
	if len(names) > 0 {
		out = append(out, "other schedulers, which may decide otherwise: "+strings.Join(names, ", "))
	}
	return append(out, "a scheduler's own profile, extenders and plugins: the default ones are taken")
}
