package simulate

import (
	"context"
	"fmt"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	plfeature "k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/imagelocality"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodeaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodedeclaredfeatures"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodename"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodeports"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/noderesources"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodeunschedulable"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodevolumelimits"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/tainttoleration"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumebinding"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumerestrictions"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumezone"
)

// plugin is one of the scheduler's, and what its answers depend on; that is how
// long they can be remembered.
type plugin struct {
	name   string
	at     int // in the profile
	reads  reads
	weight int64

	// What it implements, else nil.
	preFilter fwk.PreFilterPlugin
	filter    fwk.FilterPlugin
	preScore  fwk.PreScorePlugin
	score     fwk.ScorePlugin
	reserve   fwk.ReservePlugin
}

func newPlugin(p fwk.Plugin, r reads) *plugin {
	pl := &plugin{name: p.Name(), reads: r}
	pl.preFilter, _ = p.(fwk.PreFilterPlugin)
	pl.filter, _ = p.(fwk.FilterPlugin)
	pl.preScore, _ = p.(fwk.PreScorePlugin)
	pl.score, _ = p.(fwk.ScorePlugin)
	pl.reserve, _ = p.(fwk.ReservePlugin)
	return pl
}

// reads is what a plugin's answer about a pod and a node depends on.
type reads int

const (
	// anything is never remembered.
	anything reads = iota
	// theNode is what is written on the node, and what the pod asks of it.
	theNode
	// requests are what is requested on the node, and by the pod.
	requests
	// images are what the node has pulled, and what the pod runs.
	images
	// topology is where pods with some labels are, over all nodes.
	topology
	// affinities are where pods are that want to be together, or apart.
	affinities
)

// maker makes a plugin.
type maker func(context.Context, runtime.Object, fwk.Handle, plfeature.Features) (fwk.Plugin, error)

// factory is how a plugin is made.
type factory struct {
	maker
	reads
}

// factories are the plugins of the default profile that decide where a pod may run,
// and likes to. Those that act (preemption, binding), hold pods back, or need
// objects that are not read here (claims of devices, pod groups) are not among
// them; NotModelled says so.
func factories() map[string]factory {
	pulled := func(ctx context.Context, args runtime.Object, h fwk.Handle, _ plfeature.Features) (fwk.Plugin, error) {
		return imagelocality.New(ctx, args, h)
	}
	return map[string]factory{
		names.NodeUnschedulable:               {nodeunschedulable.New, theNode},
		names.NodeName:                        {nodename.New, theNode},
		names.TaintToleration:                 {tainttoleration.New, theNode},
		names.NodeAffinity:                    {nodeaffinity.New, theNode},
		names.NodeDeclaredFeatures:            {nodedeclaredfeatures.New, anything},
		names.NodePorts:                       {nodeports.New, anything},
		names.NodeResourcesFit:                {noderesources.NewFit, requests},
		names.NodeResourcesBalancedAllocation: {noderesources.NewBalancedAllocation, requests},
		names.VolumeRestrictions:              {volumerestrictions.New, anything},
		names.NodeVolumeLimits:                {nodevolumelimits.NewCSI, anything},
		names.VolumeBinding:                   {volumebinding.New, anything},
		names.VolumeZone:                      {volumezone.New, anything},
		names.PodTopologySpread:               {podtopologyspread.New, topology},
		names.InterPodAffinity:                {interpodaffinity.New, affinities},
		names.ImageLocality:                   {pulled, images},
	}
}

// newPlugins makes the plugins of the default profile, in its order and with its
// arguments and weights.
func newPlugins(ctx context.Context, h fwk.Handle) ([]*plugin, error) {
	defaults, err := latest.Default()
	if err != nil {
		return nil, fmt.Errorf("the scheduler's defaults: %w", err)
	}
	profile := defaults.Profiles[0]
	arguments := map[string]runtime.Object{}
	for _, c := range profile.PluginConfig {
		arguments[c.Name] = c.Args
	}
	features := plfeature.NewSchedulerFeaturesFromGates(feature.DefaultFeatureGate)
	features.EnableDynamicResourceAllocation, features.EnableDRAExtendedResource = false, false
	known := factories()
	var plugins []*plugin
	for _, p := range profile.Plugins.MultiPoint.Enabled {
		f, has := known[p.Name]
		if !has {
			continue
		}
		made, err := f.maker(ctx, arguments[p.Name], h, features)
		if err != nil {
			return nil, fmt.Errorf("the scheduler's plugin %s: %w", p.Name, err)
		}
		pl := newPlugin(made, f.reads)
		pl.at, pl.weight = len(plugins), int64(max(p.Weight, 1))
		plugins = append(plugins, pl)
	}
	return plugins, nil
}

// handle is what plugins ask of the scheduler that they are in. What else it offers
// is for plugins that act.
type handle struct {
	fwk.Handle

	lister  lister
	factory informers.SharedInformerFactory
}

func newHandle(s *state, c Cluster) (handle, error) {
	f := informers.NewSharedInformerFactory(nil, 0) // never started: what was read is put in
	core, apps, storage := f.Core().V1(), f.Apps().V1(), f.Storage().V1()
	for _, err := range []error{
		fill(core.Nodes().Informer(), c.Nodes), fill(core.Namespaces().Informer(), c.Namespaces), fill(core.Services().Informer(), c.Services),
		fill(core.ReplicationControllers().Informer(), c.ReplicationControllers),
		fill(apps.ReplicaSets().Informer(), c.ReplicaSets), fill(apps.StatefulSets().Informer(), c.StatefulSets),
		fill(core.PersistentVolumeClaims().Informer(), c.Claims), fill(core.PersistentVolumes().Informer(), c.Volumes),
		fill(storage.StorageClasses().Informer(), c.StorageClasses), fill(storage.CSINodes().Informer(), c.CSINodes),
		fill(storage.CSIDrivers().Informer(), c.CSIDrivers), fill(storage.CSIStorageCapacities().Informer(), c.Capacities),
		fill(storage.VolumeAttachments().Informer(), c.Attachments),
	} {
		if err != nil {
			return handle{}, err
		}
	}
	return handle{lister: lister{state: s}, factory: f}, nil
}

func fill[T any](informer cache.SharedIndexInformer, objects []T) error {
	for _, o := range objects {
		if err := informer.GetIndexer().Add(o); err != nil {
			return err
		}
	}
	return nil
}

// ClientSet implements fwk.Handle; plugins that decide have no use for it.
func (handle) ClientSet() kubernetes.Interface { return nil }

// SharedInformerFactory implements fwk.Handle.
func (h handle) SharedInformerFactory() informers.SharedInformerFactory { return h.factory }

// SnapshotSharedLister implements fwk.Handle.
func (h handle) SnapshotSharedLister() fwk.SharedLister { return h.lister }

// SharedCSIManager implements fwk.Handle.
func (h handle) SharedCSIManager() fwk.CSIManager {
	return csiNodes{h.factory.Storage().V1().CSINodes().Lister()}
}

// SharedDRAManager implements fwk.Handle; there is none.
func (handle) SharedDRAManager() fwk.SharedDRAManager { return nil }

// Parallelizer implements fwk.Handle.
func (handle) Parallelizer() fwk.Parallelizer { return oneByOne{} }

// oneByOne is a parallelizer for pieces that are too small to be shared out.
type oneByOne struct{}

// Until implements fwk.Parallelizer.
func (oneByOne) Until(_ context.Context, pieces int, do workqueue.DoWorkPieceFunc, _ string) {
	for i := range pieces {
		do(i)
	}
}

// csiNodes are the CSINodes of a cluster.
type csiNodes struct{ storagelisters.CSINodeLister }

// CSINodes implements fwk.CSIManager.
func (c csiNodes) CSINodes() fwk.CSINodeLister { return c }

// List implements fwk.CSINodeLister.
func (c csiNodes) List() ([]*storagev1.CSINode, error) {
	return c.CSINodeLister.List(labels.Everything())
}
