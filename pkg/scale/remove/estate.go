package remove

import (
	"context"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// What Cluster API calls things. Only what is the same in v1beta1 and v1beta2 is
// read: the server serves either, or both.
const (
	capiGroup = "cluster.x-k8s.io"

	kindCluster    = "Cluster"
	kindDeployment = "MachineDeployment"
	kindSet        = "MachineSet"
	kindPool       = "MachinePool"
	kindMachine    = "Machine"

	clusterNameLabel  = capiGroup + "/cluster-name"
	controlPlaneLabel = capiGroup + "/control-plane"
	topologyOwned     = "topology." + capiGroup + "/owned"
	topologyName      = "topology." + capiGroup + "/deployment-name"
	topologyPool      = "topology." + capiGroup + "/pool-name"

	deleteMachine   = capiGroup + "/delete-machine"
	skipRemediation = capiGroup + "/skip-remediation"
	pausedBy        = capiGroup + "/paused"
	minSize         = capiGroup + "/cluster-api-autoscaler-node-group-min-size"
	maxSize         = capiGroup + "/cluster-api-autoscaler-node-group-max-size"
)

// estate is what a management cluster has of one Cluster of Cluster API.
type estate struct {
	cluster *unstructured.Unstructured
	// kurator is the Cluster of Kurator that it was made for, if any.
	kurator  *unstructured.Unstructured
	machines []unstructured.Unstructured
	sets     []unstructured.Unstructured
	// pools are all that keep a count of machines and are kept by none.
	pools []*pool
}

// readEstate reads all of a Cluster. One that is not there is an error that
// member.IsObjectNotFound knows.
func readEstate(ctx context.Context, m *member.Member, namespace, name string) (*estate, error) {
	r, err := capiResource(ctx, m, kindCluster)
	if err != nil {
		return nil, err
	}
	e := &estate{}
	if e.cluster, err = m.Object(ctx, r, namespace, name); err != nil {
		return nil, err
	}
	if err := e.readKurator(ctx, m); err != nil {
		return nil, err
	}
	lists := map[string][]unstructured.Unstructured{}
	for _, kind := range []string{kindMachine, kindSet, kindDeployment, kindPool} {
		lists[kind], err = listOf(ctx, m, kind, namespace, name)
		if err != nil && (kind != kindPool || member.ReasonOf(err) != member.ReasonNotInstalled) { // an experiment, once
			return nil, err
		}
	}
	e.machines, e.sets = lists[kindMachine], lists[kindSet]
	for _, kind := range []string{kindDeployment, kindSet, kindPool} {
		for i := range lists[kind] {
			if owner := ownerOf(&lists[kind][i], kindDeployment); kind == kindSet && owner != "" {
				continue
			}
			e.pools = append(e.pools, e.newPool(&lists[kind][i]))
		}
	}
	return e, nil
}

// capiResource is a type of Cluster API in the version that the server prefers.
func capiResource(ctx context.Context, m *member.Member, kind string) (member.Resource, error) {
	return resourceOf(ctx, m, strings.ToLower(kind)+"s."+capiGroup)
}

// resourceOf resolves a type that nodes say there is: that it is not where discovery
// remembers it may mean that it came a moment ago.
func resourceOf(ctx context.Context, m *member.Member, typed string) (member.Resource, error) {
	r, err := m.Resource(ctx, typed)
	if member.ReasonOf(err) == member.ReasonNotInstalled {
		return m.ResourceNow(ctx, typed)
	}
	return r, err
}

func listOf(ctx context.Context, m *member.Member, kind, namespace, cluster string) ([]unstructured.Unstructured, error) {
	r, err := capiResource(ctx, m, kind)
	if err != nil {
		return nil, err
	}
	return list(ctx, m, member.ListRequest{Resource: r, Namespace: namespace, LabelSelector: clusterNameLabel + "=" + cluster})
}

// pageSize is how many objects are asked for at once.
const pageSize = 500

func list(ctx context.Context, m *member.Member, r member.ListRequest) ([]unstructured.Unstructured, error) {
	r.Limit = pageSize
	var items []unstructured.Unstructured
	for page, err := range m.Objects(ctx, r) {
		if err != nil {
			return nil, err
		}
		items = append(items, page...)
	}
	return items, nil
}

// pool is something that keeps a count of machines.
type pool struct {
	*estate

	// object is the MachineDeployment, MachineSet or MachinePool.
	object   *unstructured.Unstructured
	machines []unstructured.Unstructured
	// sets are the MachineSets of a MachineDeployment.
	sets []unstructured.Unstructured
	// count is what is asked for, wherever that is said.
	count int64
	// place is where count is said.
	place place
}

func (e *estate) newPool(object *unstructured.Unstructured) *pool {
	p := &pool{estate: e, object: object}
	owners := []types.UID{object.GetUID()}
	if object.GetKind() == kindDeployment {
		for _, s := range e.sets {
			if ownerOf(&s, kindDeployment) == object.GetUID() {
				p.sets = append(p.sets, s)
				owners = append(owners, s.GetUID())
			}
		}
	}
	for _, machine := range e.machines {
		if slices.ContainsFunc(machine.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return slices.Contains(owners, o.UID) }) {
			p.machines = append(p.machines, machine)
		}
	}
	p.place, p.count = e.placeOf(object)
	return p
}

// poolOf finds the one of a UID.
func (e *estate) poolOf(uid types.UID) *pool {
	i := slices.IndexFunc(e.pools, func(p *pool) bool { return p.object.GetUID() == uid })
	if i < 0 {
		return nil
	}
	return e.pools[i]
}

// machine finds a Machine by its name.
func (e *estate) machine(name string) *unstructured.Unstructured {
	return find(e.machines, func(m *unstructured.Unstructured) bool { return m.GetName() == name })
}

// poolWith finds the pool of a Machine.
func (e *estate) poolWith(machine string) *pool {
	for _, p := range e.pools {
		if slices.ContainsFunc(p.machines, func(m unstructured.Unstructured) bool { return m.GetName() == machine }) {
			return p
		}
	}
	return nil
}

func (p *pool) String() string {
	return p.object.GetKind() + " " + p.object.GetNamespace() + "/" + p.object.GetName()
}

// limit reads what an autoscaler was told of the pool.
func (p *pool) limit(annotation string) (int64, bool) {
	n, err := strconv.ParseInt(p.object.GetAnnotations()[annotation], 10, 64)
	return n, err == nil
}

// busy is why nothing may be changed about the pool now; empty if it may.
func (p *pool) busy() (reason, message string) {
	stopping := []*unstructured.Unstructured{p.cluster, p.object}
	for i := range p.sets {
		stopping = append(stopping, &p.sets[i])
	}
	for _, o := range stopping {
		stopped, _, _ := unstructured.NestedBool(o.Object, "spec", "paused")
		if _, annotated := o.GetAnnotations()[pausedBy]; stopped || annotated {
			return "Paused", o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName() + " is paused: nothing would happen"
		}
	}
	if p.object.GetDeletionTimestamp() != nil {
		return "Deleting", p.String() + " is being deleted"
	}
	if observed := number(p.object, "status", "observedGeneration"); observed < p.object.GetGeneration() {
		return "Rollout", p.String() + " was changed a moment ago, and its controller has not looked yet"
	}
	full := 0
	for _, s := range p.sets {
		if number(&s, "spec", "replicas") > 0 || number(&s, "status", "replicas") > 0 {
			full++
		}
	}
	current, updated := number(p.object, "status", "replicas"), p.updated()
	if full > 1 || updated >= 0 && updated != current {
		return "Rollout", p.String() + " is rolling out: it would choose among old machines first"
	}
	if asked := number(p.object, "spec", "replicas"); asked != p.count {
		return "Rollout", p.String() + " does not have the count yet that it was given in " + p.place.String()
	}
	return "", ""
}

// updated is how many machines are as the template says; -1 where that is not said.
func (p *pool) updated() int64 {
	// v1beta2 and v1beta1; of a MachineSet neither.
	for _, field := range []string{"upToDateReplicas", "updatedReplicas"} {
		if n, has, err := unstructured.NestedInt64(p.object.Object, "status", field); has && err == nil && p.object.GetKind() == kindDeployment {
			return n
		}
	}
	return -1
}

// intruders are Machines of the pool, other than those meant, that would go in their
// place: somebody has marked them, or they are being deleted.
func (p *pool) intruders(meant func(machine *unstructured.Unstructured) bool) (marked, going []string) {
	for _, m := range p.machines {
		if meant(&m) {
			continue
		}
		if _, is := m.GetAnnotations()[deleteMachine]; is {
			marked = append(marked, m.GetName())
		}
		if m.GetDeletionTimestamp() != nil {
			going = append(going, m.GetName())
		}
	}
	return marked, going
}

// ownerOf is the UID of the owner of a kind; empty if it has none.
func ownerOf(o *unstructured.Unstructured, kind string) types.UID {
	for _, owner := range o.GetOwnerReferences() {
		if owner.Kind == kind && strings.HasPrefix(owner.APIVersion, capiGroup+"/") {
			return owner.UID
		}
	}
	return ""
}

// text and number read a field; of one that is not there, nothing.
func text(o *unstructured.Unstructured, fields ...string) string {
	s, _, _ := unstructured.NestedString(o.Object, fields...)
	return s
}

func number(o *unstructured.Unstructured, fields ...string) int64 {
	n, _, _ := unstructured.NestedInt64(o.Object, fields...)
	return n
}
