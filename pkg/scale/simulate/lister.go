package simulate

import (
	"fmt"
	"slices"

	fwk "k8s.io/kube-scheduler/framework"
)

// lister is what plugins ask of a state. While something is shown, it has that
// alone: the few nodes, or what stands for them, on which a question depends.
type lister struct{ state *state }

// NodeInfos implements fwk.SharedLister.
func (l lister) NodeInfos() fwk.NodeInfoLister { return l }

// StorageInfos implements fwk.SharedLister.
func (l lister) StorageInfos() fwk.StorageInfoLister { return l }

// PodGroupStates implements fwk.SharedLister.
func (lister) PodGroupStates() fwk.PodGroupStateLister { return noGroups{} }

// List implements fwk.NodeInfoLister.
func (l lister) List() ([]fwk.NodeInfo, error) {
	if l.state.shown != nil {
		return l.state.shown, nil
	}
	return l.state.nodes, nil
}

// HavePodsWithAffinityList implements fwk.NodeInfoLister.
func (l lister) HavePodsWithAffinityList() ([]fwk.NodeInfo, error) {
	all, err := l.List()
	return slices.DeleteFunc(slices.Clone(all), func(n fwk.NodeInfo) bool { return len(n.GetPodsWithAffinity()) == 0 }), err
}

// HavePodsWithRequiredAntiAffinityList implements fwk.NodeInfoLister.
func (l lister) HavePodsWithRequiredAntiAffinityList() ([]fwk.NodeInfo, error) {
	all, err := l.List()
	return slices.DeleteFunc(slices.Clone(all), func(n fwk.NodeInfo) bool { return len(n.GetPodsWithRequiredAntiAffinity()) == 0 }), err
}

// Get implements fwk.NodeInfoLister.
func (l lister) Get(name string) (fwk.NodeInfo, error) {
	if i, has := l.state.at[name]; has {
		return l.state.nodes[i], nil
	}
	return nil, fmt.Errorf("there is no node %s", name)
}

// IsPVCUsedByPods implements fwk.StorageInfoLister.
func (l lister) IsPVCUsedByPods(key string) bool { return l.state.claims[key] > 0 }

// noGroups has no pod groups: the plugins that would ask are not here.
type noGroups struct{}

// Get implements fwk.PodGroupStateLister.
func (noGroups) Get(namespace, name string) (fwk.PodGroupState, error) {
	return nil, fmt.Errorf("pod group %s/%s is not modelled", namespace, name)
}

// shade stands for nodes, with such of their pods as a question depends on. It has
// nothing else: a plugin that asks for it is not one whose questions are narrowed.
type shade struct {
	fwk.NodeInfo // for its node

	pods, withAffinity, withAntiAffinity []fwk.PodInfo
}

// GetPods implements fwk.NodeInfo.
func (s *shade) GetPods() []fwk.PodInfo { return s.pods }

// GetPodsWithAffinity implements fwk.NodeInfo.
func (s *shade) GetPodsWithAffinity() []fwk.PodInfo { return s.withAffinity }

// GetPodsWithRequiredAntiAffinity implements fwk.NodeInfo.
func (s *shade) GetPodsWithRequiredAntiAffinity() []fwk.PodInfo { return s.withAntiAffinity }
