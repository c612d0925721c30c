package simulate

import (
	"context"
	"fmt"
	"slices"

	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

// newScheduler makes the default profile of kube-scheduler, without what acts on a
// cluster, and without what needs objects that are not read here.
func newScheduler(ctx context.Context, c Cluster, w *world) (framework.Framework, error) {
	metrics.InitMetrics() // the plugins count without asking whether somebody reads it
	defaults, err := latest.Default()
	if err != nil {
		return nil, fmt.Errorf("the scheduler's defaults: %w", err)
	}
	profile := &defaults.Profiles[0]
	without := func(enabled []config.Plugin) []config.Plugin {
		return slices.DeleteFunc(enabled, func(p config.Plugin) bool { return slices.Contains(notHere(), p.Name) })
	}
	profile.Plugins.MultiPoint.Enabled = without(profile.Plugins.MultiPoint.Enabled)
	factory, err := known(c)
	if err != nil {
		return nil, err
	}
	return runtime.NewFramework(ctx, plugins.NewInTreeRegistry(), profile,
		runtime.WithSnapshotSharedLister(lister{w}), runtime.WithInformerFactory(factory), runtime.WithParallelism(1),
		runtime.WithSharedCSIManager(csiNodes{c.CSINodes}),
	)
}

// notHere are plugins that act on other pods, or need objects of their own. What
// they would know is listed by NotModelled.
func notHere() []string {
	return []string{names.DefaultPreemption, names.DynamicResources, names.GangScheduling, names.SchedulingGates, names.TopologyPlacementGenerator, names.PodGroupPodsCount}
}

// known makes listers of what was read: informers that are never started.
func known(c Cluster) (informers.SharedInformerFactory, error) {
	f := informers.NewSharedInformerFactory(nil, 0)
	v := f.Core().V1()
	s := f.Storage().V1()
	for _, err := range []error{
		put(v.Nodes().Informer(), c.Nodes), put(v.Namespaces().Informer(), c.Namespaces), put(v.Services().Informer(), c.Services),
		put(v.ReplicationControllers().Informer(), c.ReplicationControllers), put(f.Apps().V1().ReplicaSets().Informer(), c.ReplicaSets), put(f.Apps().V1().StatefulSets().Informer(), c.StatefulSets),
		put(v.PersistentVolumeClaims().Informer(), c.Claims), put(v.PersistentVolumes().Informer(), c.Volumes), put(s.StorageClasses().Informer(), c.StorageClasses),
		put(s.CSINodes().Informer(), c.CSINodes), put(s.CSIDrivers().Informer(), c.CSIDrivers), put(s.VolumeAttachments().Informer(), c.Attachments), put(s.CSIStorageCapacities().Informer(), c.Capacities),
	} {
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

func put[T any](informer cache.SharedIndexInformer, objects []T) error {
	for _, o := range objects {
		if err := informer.GetIndexer().Add(o); err != nil {
			return err
		}
	}
	return nil
}

// lister is what plugins ask of a world.
type lister struct{ world *world }

func (l lister) NodeInfos() fwk.NodeInfoLister         { return l }
func (l lister) StorageInfos() fwk.StorageInfoLister   { return l }
func (lister) PodGroupStates() fwk.PodGroupStateLister { return noGroups{} }
func (l lister) List() ([]fwk.NodeInfo, error)         { return l.world.list, nil }
func (l lister) IsPVCUsedByPods(key string) bool       { return l.world.claims[key] > 0 }

// HavePodsWithAffinityList implements fwk.NodeInfoLister.
func (l lister) HavePodsWithAffinityList() ([]fwk.NodeInfo, error) {
	return slices.DeleteFunc(slices.Clone(l.world.list), func(n fwk.NodeInfo) bool { return len(n.GetPodsWithAffinity()) == 0 }), nil
}

// HavePodsWithRequiredAntiAffinityList implements fwk.NodeInfoLister.
func (l lister) HavePodsWithRequiredAntiAffinityList() ([]fwk.NodeInfo, error) {
	return slices.DeleteFunc(slices.Clone(l.world.list), func(n fwk.NodeInfo) bool { return len(n.GetPodsWithRequiredAntiAffinity()) == 0 }), nil
}

// Get implements fwk.NodeInfoLister.
func (l lister) Get(name string) (fwk.NodeInfo, error) {
	if n, has := l.world.nodes[name]; has {
		return n, nil
	}
	return nil, fmt.Errorf("there is no node %s", name)
}

// noGroups has no pod groups: the plugins that would ask are not here.
type noGroups struct{}

// Get implements fwk.PodGroupStateLister.
func (noGroups) Get(namespace, name string) (fwk.PodGroupState, error) {
	return nil, fmt.Errorf("pod group %s/%s is not modelled", namespace, name)
}

// csiNodes are the CSINodes of a cluster.
type csiNodes struct{ nodes []*storagev1.CSINode }

// CSINodes implements fwk.CSIManager.
func (c csiNodes) CSINodes() fwk.CSINodeLister { return c }

// List implements fwk.CSINodeLister.
func (c csiNodes) List() ([]*storagev1.CSINode, error) { return c.nodes, nil }

// Get implements fwk.CSINodeLister.
func (c csiNodes) Get(name string) (*storagev1.CSINode, error) {
	for _, n := range c.nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, apierrors.NewNotFound(storagev1.Resource("csinodes"), name)
}
