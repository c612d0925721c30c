package remove

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// What Cluster API writes on a node.
const (
	machineOf   = capiGroup + "/machine"
	clusterOf   = capiGroup + "/cluster-name"
	namespaceOf = capiGroup + "/cluster-namespace"
	ownerKindOf = capiGroup + "/owner-kind"
	ownerNameOf = capiGroup + "/owner-name"
)

// verdict is what is found out about a node.
type verdict struct {
	machine *unstructured.Unstructured
	pool    *pool // nil for a Machine that nothing keeps
	owner   v1alpha1.NodeOwner
	blocker *v1alpha1.Blocker
}

// judge finds the Machines of nodes and who keeps them, as they are now.
func (r *ClusterAPI) judge(ctx context.Context, nodes []*corev1.Node) (map[string]verdict, error) {
	all := map[string]verdict{}
	byCluster := clustersOf(nodes)
	estates, err := r.estates(ctx, byCluster)
	for key, e := range estates {
		for _, n := range byCluster[key] {
			switch {
			case e != nil:
				all[n.Name] = r.judgeNode(e, n)
			case !r.Kurator:
				all[n.Name] = blocked("NoManagement", "Cluster "+key.String(), "its Machine is kept in another cluster, which is not known",
					"name the context of the management cluster with --management")
			}
		}
	}
	return all, err
}

// clustersOf are the Clusters that nodes say they are of.
func clustersOf(nodes []*corev1.Node) map[types.NamespacedName][]*corev1.Node {
	all := map[types.NamespacedName][]*corev1.Node{}
	for _, n := range nodes {
		if n.Annotations[clusterOf] != "" {
			key := types.NamespacedName{Namespace: n.Annotations[namespaceOf], Name: n.Annotations[clusterOf]}
			all[key] = append(all[key], n)
		}
	}
	return all
}

// estates reads Clusters, without those that are the other remover's: of what Kurator
// has made, and what not. One that the management cluster does not have is nil.
func (r *ClusterAPI) estates(ctx context.Context, clusters map[types.NamespacedName][]*corev1.Node) (map[types.NamespacedName]*estate, error) {
	all := map[types.NamespacedName]*estate{}
	for key := range clusters {
		e, err := readEstate(ctx, r.Management, key.Namespace, key.Name)
		switch {
		case member.IsObjectNotFound(err) || member.ReasonOf(err) == member.ReasonNotInstalled:
			all[key] = nil
		case err != nil:
			return nil, err
		case (e.kurator != nil) == r.Kurator:
			all[key] = e
		}
	}
	return all, nil
}

// judgeNode finds the Machine of a node in what a management cluster has.
func (r *ClusterAPI) judgeNode(e *estate, n *corev1.Node) verdict {
	if n.Annotations[machineOf] == "" && n.Annotations[ownerKindOf] == kindPool {
		return blocked("NoMachines", kindPool+" "+n.Annotations[namespaceOf]+"/"+n.Annotations[ownerNameOf],
			"its machines are not Machines: only its count can be lowered, and its provider chooses which goes", "--remove-with hook=PROGRAM can remove one of them")
	}
	machine := e.machine(n.Annotations[machineOf])
	if machine == nil || text(machine, "status", "nodeRef", "name") != n.Name || text(machine, "spec", "providerID") != n.Spec.ProviderID {
		return blocked("NotItsMachine", "Machine "+n.Annotations[namespaceOf]+"/"+n.Annotations[machineOf],
			"the node says that this is its Machine, and the Machine does not say so", "look at both: one of them is a copy, or old")
	}
	v := verdict{machine: machine, pool: e.poolWith(machine.GetName())}
	switch b := v.block(); {
	case b != nil:
		v.blocker = b
	case v.pool == nil:
		v.owner = v1alpha1.NodeOwner{
			Remover: r.Name(), APIVersion: machine.GetAPIVersion(), Kind: kindMachine, Namespace: machine.GetNamespace(), Name: machine.GetName(), UID: machine.GetUID(),
		}
	default:
		v.owner = v.pool.owner(r.Name())
		v.blocker = v.pool.block("", r.Autoscaler)
	}
	return v
}

func (p *pool) owner(remover string) v1alpha1.NodeOwner {
	return v1alpha1.NodeOwner{
		Remover: remover, APIVersion: p.object.GetAPIVersion(), Kind: p.object.GetKind(), Namespace: p.object.GetNamespace(), Name: p.object.GetName(),
		UID: p.object.GetUID(), Count: new(p.count),
	}
}

func blocked(reason, object, message, fix string) verdict {
	return verdict{blocker: &v1alpha1.Blocker{Reason: reason, Object: object, Message: message, Fix: fix}}
}

// block is what keeps the Machine itself from going.
func (v verdict) block() *v1alpha1.Blocker {
	m := v.machine
	object := kindMachine + " " + m.GetNamespace() + "/" + m.GetName()
	_, controlPlane := m.GetLabels()[controlPlaneLabel]
	_, isMarked := m.GetAnnotations()[deleteMachine]
	_, isPaused := m.GetAnnotations()[pausedBy]
	switch {
	case controlPlane:
		return blocked("ControlPlane", object, "it is of the control plane", "").blocker
	case m.GetDeletionTimestamp() != nil:
		return blocked("Deleting", object, "somebody else is deleting it", "").blocker
	case isPaused:
		return blocked("Paused", object, "it is paused: nothing would happen", "remove its annotation "+pausedBy).blocker
	case isMarked:
		return blocked("ForeignMark", object, "somebody else has marked it to be deleted", removeMark(m.GetNamespace(), m.GetName())).blocker
	case v.pool == nil && len(m.GetOwnerReferences()) > 0 && ownerOf(m, kindCluster) == "":
		return blocked("UnknownOwner", object, "what keeps it is not known here", "").blocker
	}
	return nil
}

func removeMark(namespace, name string) string {
	return fmt.Sprintf("kubectl annotate machine -n %s %s %s-, if nobody means it any more", namespace, name, deleteMachine)
}

// block is what keeps any Machine of a pool from going. mark is the value by which
// those are known that a run has marked itself.
func (p *pool) block(mark string, autoscaler bool) *v1alpha1.Blocker {
	if b := p.fixed(autoscaler); b != nil {
		return b
	}
	marked, going := p.intruders(func(m *unstructured.Unstructured) bool {
		value, is := m.GetAnnotations()[deleteMachine]
		return is && mark != "" && value == mark
	})
	if len(marked) > 0 {
		return blocked("ForeignMark", p.String(), "Machine "+marked[0]+" is marked to be deleted, and would go in its place",
			removeMark(p.object.GetNamespace(), marked[0])).blocker
	}
	if len(going) > 0 {
		return blocked("Deleting", p.String(), "Machine "+going[0]+" is being deleted, and would count as the one that goes", "wait until it is gone").blocker
	}
	return nil
}

// fixed is what keeps the count of a pool from being changed.
func (p *pool) fixed(autoscaler bool) *v1alpha1.Blocker {
	if reason, message := p.busy(); reason != "" {
		return blocked(reason, p.String(), message, "wait until that is over, or end it").blocker
	}
	_, least := p.limit(minSize)
	_, most := p.limit(maxSize)
	if (least || most) && !autoscaler {
		return blocked("Autoscaler", p.String(), "an autoscaler has limits for it, and may put a machine in its place",
			"--allow-autoscaler, if the autoscaler is off, or will agree").blocker
	}
	if p.kurator != nil && p.place.object != p.kurator {
		return blocked("UnknownOwner", p.String(), "Kurator has made the cluster, and not said how many machines this has", "").blocker
	}
	return nil
}
