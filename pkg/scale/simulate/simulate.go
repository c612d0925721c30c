// Package simulate says where pods would run if nodes left, as kube-scheduler would
// decide it: by its own plugins, on a copy of the cluster. It is the one package
// that imports k8s.io/kubernetes.
package simulate

import (
	"cmp"
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
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

// Engine places pods in one cluster. It is for one caller at a time.
type Engine struct {
	options Options
	cluster Cluster
	handle  handle
	state   *state
	plugins []*plugin
	// The two of them that count pods over nodes.
	spreading, affinity *plugin
	// pulled: nodes say which images they have.
	pulled bool
	// cpu and memory are what all nodes have together.
	cpu, memory float64

	movers  map[*corev1.Pod]*mover
	classes map[string]*class
	memos   map[string]*memo
	grouped map[string]*groups
	// groupedIn is the epoch of grouped.
	groupedIn int
	// waiting are pending pods that have places today, by their nodes; without those of
	// DaemonSets, which are for one node and go with it.
	waiting map[int][]*mover
	leaving map[int]bool

	// What one placement needs, kept for the next.
	each       []*plugin
	found      []int
	foundInfos []fwk.NodeInfo
	scored     fwk.NodeScoreList
	totals     []int64
	likes      []liked
	here       []int // by node; 0 but while it is needed
}

// New reads a cluster. It copies no pods.
func New(ctx context.Context, c Cluster, o Options) (*Engine, error) {
	o.Orders = cmp.Or(o.Orders, defaultOrders)
	s, err := newState(klog.FromContext(ctx), c)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		options: o, cluster: c, state: s,
		movers: map[*corev1.Pod]*mover{}, classes: map[string]*class{}, memos: map[string]*memo{}, waiting: map[int][]*mover{}, leaving: map[int]bool{}, grouped: map[string]*groups{},
	}
	e.here = make([]int, len(s.nodes))
	for _, n := range c.Nodes {
		e.pulled = e.pulled || len(n.Status.Images) > 0
		e.cpu += float64(n.Status.Allocatable.Cpu().MilliValue())
		e.memory += float64(n.Status.Allocatable.Memory().Value())
	}
	if e.handle, err = newHandle(s, c); err != nil {
		return nil, err
	}
	if e.plugins, err = newPlugins(ctx, e.handle); err != nil {
		return nil, err
	}
	for _, pl := range e.plugins {
		switch pl.name {
		case names.PodTopologySpread:
			e.spreading = pl
		case names.InterPodAffinity:
			e.affinity = pl
		}
	}
	if e.spreading == nil || e.affinity == nil {
		return nil, fmt.Errorf("the scheduler's defaults are without %s or %s", names.PodTopologySpread, names.InterPodAffinity)
	}
	return e, e.placePending(ctx)
}

// placePending gives places to the pods that wait, those of the highest priority
// first. Such as have none today are forgotten: it is not because of a plan.
func (e *Engine) placePending(ctx context.Context) error {
	if len(e.state.nodes) == 0 {
		return nil
	}
	movers, err := e.moversOf(ctx, e.cluster.Pending)
	if err != nil {
		return err
	}
	bigFirst(movers)
	how := &search{random: e.random(0)}
	for _, m := range movers {
		at, found, err := e.place(ctx, m, how)
		if err != nil {
			return err
		}
		if found && !isDaemon(m.info.Pod) {
			e.waiting[at] = append(e.waiting[at], m)
		}
	}
	e.state.undo = nil
	return nil
}

// Place says what happens if these nodes leave, in this order. Every call begins
// with the cluster as it was given. Nodes that are not there have left.
func (e *Engine) Place(ctx context.Context, leaving []Leaving) (*Placement, error) {
	defer e.state.revert(0)
	clear(e.leaving)
	p := &plan{Engine: e, moves: make([]Move, len(leaving)), to: map[*mover]int{}}
	for i, l := range leaving {
		movers, err := e.moversOf(ctx, l.Pods)
		if err != nil {
			return nil, err
		}
		at, has := e.state.at[l.Node]
		if has && !e.leaving[at] {
			movers = append(movers, e.waiting[at]...)
			e.leaving[at] = true
			e.state.close(at)
		}
		if !has && len(movers) > 0 {
			return nil, fmt.Errorf("there is no node %s", l.Node)
		}
		p.moves[i] = Move{Node: l.Node}
		if !has {
			p.moves[i].Verdict, p.moves[i].To = Fits, map[types.UID]string{}
		}
		p.departures = append(p.departures, departure{node: at, movers: movers, gone: !has})
	}
	closed := len(e.state.undo)
	if err := p.lead(ctx); err != nil {
		return nil, err
	}
	result := &Placement{Moves: p.moves}
	if e.options.Reserve {
		var err error
		if result.Reserve, err = p.reserve(ctx); err != nil {
			return nil, err
		}
	}
	for order := range e.options.Orders {
		e.state.revert(closed)
		if err := p.confirm(ctx, order); err != nil {
			return nil, err
		}
	}
	return result, nil
}
