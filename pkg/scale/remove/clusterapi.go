package remove

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// The names of the removers of Machines.
const (
	ClusterAPIName = "clusterapi"
	KuratorName    = "kurator"
)

// ClusterAPI removes nodes that are Machines of Cluster API: it marks the Machines
// and lowers the count that they are kept by, wherever that is said.
type ClusterAPI struct {
	// Member is the cluster of the nodes, and Management the one of their Machines,
	// which may be the same.
	Member, Management *member.Member
	// Kurator: only the clusters that Kurator has made, whose counts are its to say.
	// Otherwise only others.
	Kurator bool
	// Autoscaler: a pool that an autoscaler has limits for may be changed, too.
	Autoscaler bool
	// Patience is how long the controllers may take to delete the Machines that they
	// were told of.
	Patience time.Duration
}

// Name implements Remover.
func (r *ClusterAPI) Name() string {
	if r.Kurator {
		return KuratorName
	}
	return ClusterAPIName
}

// What Cluster API writes on a node.
const (
	machineOf   = capiGroup + "/machine"
	clusterOf   = capiGroup + "/cluster-name"
	namespaceOf = capiGroup + "/cluster-namespace"
)

// verdict is what is found out about a node.
type verdict struct {
	machine *unstructured.Unstructured
	pool    *pool // nil for a Machine that nothing keeps
	owner   v1alpha1.NodeOwner
	blocker *v1alpha1.Blocker
}

// Claim implements Remover.
func (r *ClusterAPI) Claim(ctx context.Context, nodes []*corev1.Node) (Claims, error) {
	c := Claims{Owners: map[string]v1alpha1.NodeOwner{}, Blocked: map[string]v1alpha1.Blocker{}, Spare: map[types.UID]int64{}}
	verdicts, err := r.judge(ctx, nodes, "")
	for name, v := range verdicts {
		if v.blocker != nil {
			c.Blocked[name] = *v.blocker
			continue
		}
		c.Owners[name] = v.owner
		if v.pool == nil {
			continue
		}
		if least, has := v.pool.limit(minSize); has {
			c.Spare[v.owner.UID] = max(0, v.pool.count-least)
		}
	}
	return c, err
}

// judge finds the Machines of nodes and who keeps them, as they are now. mark is the
// value by which Machines are known that this run has marked.
func (r *ClusterAPI) judge(ctx context.Context, nodes []*corev1.Node, mark string) (map[string]verdict, error) {
	byCluster := map[types.NamespacedName][]*corev1.Node{}
	for _, n := range nodes {
		if n.Annotations[machineOf] != "" {
			key := types.NamespacedName{Namespace: n.Annotations[namespaceOf], Name: n.Annotations[clusterOf]}
			byCluster[key] = append(byCluster[key], n)
		}
	}
	all := map[string]verdict{}
	for key, nodes := range byCluster {
		e, err := readEstate(ctx, r.Management, key.Namespace, key.Name)
		if elsewhere := member.IsObjectNotFound(err) || member.ReasonOf(err) == member.ReasonNotInstalled; err != nil && !elsewhere {
			return nil, err
		}
		if err == nil && (e.kurator != nil) != r.Kurator || err != nil && r.Kurator {
			continue // the other remover's
		}
		for _, n := range nodes {
			v := verdict{}
			if err != nil {
				v.blocker = &v1alpha1.Blocker{
					Reason: "NoManagement", Object: "Cluster " + key.String(), Message: "its Machine is kept in another cluster, which is not known",
					Fix: "name the context of the management cluster with --management",
				}
			} else {
				v = r.judgeNode(e, n, mark)
			}
			all[n.Name] = v
		}
	}
	return all, nil
}

// judgeNode finds the Machine of a node in what a management cluster has.
func (r *ClusterAPI) judgeNode(e *estate, n *corev1.Node, mark string) verdict {
	machine := e.machine(n.Annotations[machineOf])
	if machine == nil || text(machine, "status", "nodeRef", "name") != n.Name || text(machine, "spec", "providerID") != n.Spec.ProviderID {
		return blocked("NotItsMachine", "Machine "+n.Annotations[namespaceOf]+"/"+n.Annotations[machineOf],
			"the node says that this is its Machine, and the Machine does not say so", "look at both: one of them is a copy, or old")
	}
	v := verdict{machine: machine, pool: e.poolWith(machine.GetName())}
	switch b := v.block(mark); {
	case b != nil:
		v.blocker = b
	case v.pool == nil:
		v.owner = v1alpha1.NodeOwner{
			Remover: r.Name(), APIVersion: machine.GetAPIVersion(), Kind: kindMachine, Namespace: machine.GetNamespace(), Name: machine.GetName(), UID: machine.GetUID(),
		}
	default:
		v.owner = v.pool.owner(r.Name())
		v.blocker = v.pool.block(mark, r.Autoscaler)
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
func (v verdict) block(mark string) *v1alpha1.Blocker {
	m := v.machine
	object := kindMachine + " " + m.GetNamespace() + "/" + m.GetName()
	_, controlPlane := m.GetLabels()[controlPlaneLabel]
	marked, isMarked := m.GetAnnotations()[deleteMachine]
	_, isPaused := m.GetAnnotations()[pausedBy]
	switch {
	case controlPlane:
		return blocked("ControlPlane", object, "it is of the control plane", "").blocker
	case m.GetDeletionTimestamp() != nil:
		return blocked("Deleting", object, "somebody else is deleting it", "").blocker
	case isPaused:
		return blocked("Paused", object, "it is paused: nothing would happen", "remove its annotation "+pausedBy).blocker
	case isMarked && (mark == "" || marked != mark):
		return blocked("ForeignMark", object, "somebody else has marked it to be deleted", removeMark(m.GetNamespace(), m.GetName())).blocker
	case v.pool == nil && len(m.GetOwnerReferences()) > 0 && ownerOf(m, kindCluster) == "":
		return blocked("UnknownOwner", object, "what keeps it is not known here", "").blocker
	}
	return nil
}

func removeMark(namespace, name string) string {
	return fmt.Sprintf("kubectl annotate machine -n %s %s %s-, if nobody means it any more", namespace, name, deleteMachine)
}

// block is what keeps any Machine of a pool from going.
func (p *pool) block(mark string, autoscaler bool) *v1alpha1.Blocker {
	if reason, message := p.busy(); reason != "" {
		return blocked(reason, p.String(), message, "wait until that is over, or end it").blocker
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
	_, least := p.limit(minSize)
	_, most := p.limit(maxSize)
	if (least || most) && !autoscaler {
		return blocked("Autoscaler", p.String(), "an autoscaler has limits for it, and may put a machine in its place",
			"--allow-autoscaled, if the autoscaler is off, or will agree").blocker
	}
	if p.object.GetKind() == kindPool && len(p.machines) == 0 {
		return blocked("NoMachines", p.String(), "its machines are not Machines: only its count can be lowered, and its provider chooses which goes",
			"up and set can change its count; --remove-with hook=PROGRAM can remove one of them").blocker
	}
	if p.kurator != nil && p.place.object != p.kurator {
		return blocked("UnknownOwner", p.String(), "Kurator has made the cluster, and not said how many machines this has", "").blocker
	}
	return nil
}

// Begin implements Remover.
func (r *ClusterAPI) Begin(ctx context.Context, nodes []Node) ([]*Step, error) {
	objects, err := r.nodes(ctx, nodes)
	if err != nil {
		return nil, err
	}
	verdicts, err := r.judge(ctx, objects, "")
	if err != nil {
		return nil, err
	}
	steps := map[types.UID]*Step{}
	for i, n := range nodes {
		v, known := verdicts[n.Name]
		switch {
		case !known:
			return nil, fmt.Errorf("node %s: %w", n.Name, errNotOurs)
		case v.blocker != nil:
			return nil, &ChangedError{Owner: v.owner, What: v.blocker.Message}
		}
		n.ProviderID = objects[i].Spec.ProviderID
		n.Object, n.ObjectUID = v.machine.GetNamespace()+"/"+v.machine.GetName(), v.machine.GetUID()
		s := steps[v.owner.UID]
		if s == nil {
			s = &Step{Remover: r.Name(), Owner: v.owner, ResourceVersion: v.machine.GetResourceVersion()}
			if v.pool != nil {
				s.From, s.To, s.ResourceVersion = v.pool.count, v.pool.count, v.pool.object.GetResourceVersion()
			}
			steps[v.owner.UID] = s
		}
		s.Nodes = append(s.Nodes, n)
		if v.pool == nil {
			continue
		}
		s.To--
		if least, has := v.pool.limit(minSize); has && s.To < least {
			return nil, &ChangedError{Owner: v.owner, What: fmt.Sprintf("its minimum is %d", least)}
		}
	}
	return slices.SortedFunc(maps.Values(steps), func(a, b *Step) int { return strings.Compare(a.Owner.Name, b.Owner.Name) }), nil
}

var errNotOurs = errors.New("it is no Machine of Cluster API any more")

// nodes reads nodes by their names, in their order.
func (r *ClusterAPI) nodes(ctx context.Context, nodes []Node) ([]*corev1.Node, error) {
	objects := make([]*corev1.Node, len(nodes))
	for i, n := range nodes {
		node, err := nodeObject(ctx, r.Member, n)
		if err != nil {
			return nil, err
		}
		objects[i] = node
	}
	return objects, nil
}
