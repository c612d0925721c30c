// Package snapshot is a cluster at one time, as far as its nodes' leaving depends
// on it.
package snapshot

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Snapshot is what a cluster has. Each type is of one list, and so consistent in
// itself.
type Snapshot struct {
	// UID is the cluster's: that of its namespace kube-system.
	UID string

	Nodes   []*corev1.Node
	Pods    []*corev1.Pod
	Budgets []*policyv1.PodDisruptionBudget

	Namespaces             []*corev1.Namespace
	Services               []*corev1.Service
	ReplicationControllers []*corev1.ReplicationController
	ReplicaSets            []*appsv1.ReplicaSet
	Deployments            []*appsv1.Deployment
	StatefulSets           []*appsv1.StatefulSet
	DaemonSets             []*appsv1.DaemonSet

	Claims         []*corev1.PersistentVolumeClaim
	Volumes        []*corev1.PersistentVolume
	StorageClasses []*storagev1.StorageClass
	CSINodes       []*storagev1.CSINode
	CSIDrivers     []*storagev1.CSIDriver
	Capacities     []*storagev1.CSIStorageCapacity
	Attachments    []*storagev1.VolumeAttachment

	Maintenances []Maintenance
	// Unseen is what could not be looked at, in sentences.
	Unseen []string

	byNode      map[string][]*corev1.Pod
	deployments map[types.UID]metav1.OwnerReference // of ReplicaSets
	daemonSets  map[types.UID]bool
}

// pageSize is how many objects a server sends at once.
const pageSize = 500

// Read reads a cluster: every type once, side by side.
func Read(ctx context.Context, m *member.Member) (*Snapshot, error) {
	s := &Snapshot{}
	err := s.read(ctx, m,
		reader(m, core("nodes"), &s.Nodes), reader(m, core("pods"), &s.Pods),
		reader(m, in("policy", "poddisruptionbudgets"), &s.Budgets),
		reader(m, core("namespaces"), &s.Namespaces), reader(m, core("services"), &s.Services),
		reader(m, core("replicationcontrollers"), &s.ReplicationControllers),
		reader(m, in("apps", "replicasets"), &s.ReplicaSets), reader(m, in("apps", "deployments"), &s.Deployments),
		reader(m, in("apps", "statefulsets"), &s.StatefulSets), reader(m, in("apps", "daemonsets"), &s.DaemonSets),
		reader(m, core("persistentvolumeclaims"), &s.Claims), reader(m, core("persistentvolumes"), &s.Volumes),
		reader(m, in(storage, "storageclasses"), &s.StorageClasses), reader(m, in(storage, "csinodes"), &s.CSINodes),
		reader(m, in(storage, "csidrivers"), &s.CSIDrivers), reader(m, in(storage, "csistoragecapacities"), &s.Capacities),
		reader(m, in(storage, "volumeattachments"), &s.Attachments),
		func(ctx context.Context) error { return s.readMaintenances(ctx, m) },
	)
	if err != nil {
		return nil, err
	}
	return s.Indexed(), nil
}

// ReadNodes reads the nodes and the budgets of a cluster, and nothing else.
func ReadNodes(ctx context.Context, m *member.Member) (*Snapshot, error) {
	s := &Snapshot{}
	return s, s.read(ctx, m, reader(m, core("nodes"), &s.Nodes), reader(m, in("policy", "poddisruptionbudgets"), &s.Budgets))
}

// ReadNodesAndDaemons reads the nodes and the DaemonSets of a cluster, and nothing
// else.
func ReadNodesAndDaemons(ctx context.Context, m *member.Member) (*Snapshot, error) {
	s := &Snapshot{}
	return s, s.read(ctx, m, reader(m, core("nodes"), &s.Nodes), reader(m, in("apps", "daemonsets"), &s.DaemonSets))
}

// read reads whose cluster it is, and lists, side by side.
func (s *Snapshot) read(ctx context.Context, m *member.Member, lists ...func(context.Context) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		identity, err := m.Identity(ctx)
		s.UID = identity.UID
		return err
	})
	for _, list := range lists {
		group.Go(func() error { return list(ctx) })
	}
	return group.Wait()
}

// Indexed makes what is found by name or UID; call it when the lists are complete.
func (s *Snapshot) Indexed() *Snapshot {
	s.byNode = map[string][]*corev1.Pod{}
	for _, p := range s.Pods {
		if p.Spec.NodeName != "" {
			s.byNode[p.Spec.NodeName] = append(s.byNode[p.Spec.NodeName], p)
		}
	}
	s.deployments = map[types.UID]metav1.OwnerReference{}
	for _, rs := range s.ReplicaSets {
		if owner := metav1.GetControllerOfNoCopy(rs); owner != nil {
			s.deployments[rs.UID] = *owner
		}
	}
	s.daemonSets = map[types.UID]bool{}
	for _, ds := range s.DaemonSets {
		s.daemonSets[ds.UID] = true
	}
	return s
}

// On are the pods that are bound to a node.
func (s *Snapshot) On(node string) []*corev1.Pod { return s.byNode[node] }

// HasDaemonSet is true if there is a DaemonSet of this UID.
func (s *Snapshot) HasDaemonSet(uid types.UID) bool { return s.daemonSets[uid] }

// Workload is what keeps pods: the Deployment of a ReplicaSet, else the pod's own
// controller.
type Workload struct {
	Kind, Namespace, Name string
	UID                   types.UID
}

func (w Workload) String() string { return fmt.Sprintf("%s/%s -n %s", w.Kind, w.Name, w.Namespace) }

// WorkloadOf is what keeps a pod; ok is false for a pod that nobody does.
func (s *Snapshot) WorkloadOf(p *corev1.Pod) (w Workload, ok bool) {
	owner := metav1.GetControllerOfNoCopy(p)
	if owner == nil {
		return Workload{}, false
	}
	if above, has := s.deployments[owner.UID]; has {
		owner = &above
	}
	return Workload{Kind: owner.Kind, Namespace: p.Namespace, Name: owner.Name, UID: owner.UID}, true
}

// Knows is true if the ReplicaSet of this UID was there.
func (s *Snapshot) Knows(replicaSet types.UID) bool {
	_, known := s.deployments[replicaSet]
	return known
}

const storage = "storage.k8s.io"

func core(resource string) member.Resource { return in("", resource) }

// in is a built-in type of version v1. Its kind is for messages alone.
func in(group, resource string) member.Resource {
	return member.Resource{GroupVersionResource: schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}, Kind: resource}
}

// reader reads a whole type into a list.
func reader[T runtime.Object](m *member.Member, resource member.Resource, into *[]T) func(context.Context) error {
	return func(ctx context.Context) error {
		for page, err := range m.Typed(ctx, member.ListRequest{Resource: resource, Limit: pageSize}) {
			if err != nil {
				return fmt.Errorf("list %s: %w", resource.Resource, err)
			}
			err := meta.EachListItem(page, func(object runtime.Object) error {
				item, is := object.(T)
				if !is {
					return &member.Error{Reason: member.ReasonInvalidAnswer, Err: fmt.Errorf("a list of %s has a %T", resource.Resource, object)}
				}
				if o, err := meta.Accessor(object); err == nil {
					o.SetManagedFields(nil) // nobody looks at them, and they are half of an object
				}
				*into = append(*into, item)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}
