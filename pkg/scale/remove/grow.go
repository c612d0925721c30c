package remove

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
)

// Grower is a way in which a cluster gets more nodes.
type Grower interface {
	// Name is that of the remover whose nodes they are.
	Name() string
	// Pools are what keeps the nodes of a cluster, those without nodes, too. Nothing
	// is written.
	Pools(ctx context.Context, nodes []*corev1.Node) ([]Pool, error)
	// Set gives a pool another count, if it has the one still that Pools has found,
	// for a run. A pool that has the new one is left: what was done before is not done
	// again. Any other count is a *ChangedError, and nothing was written.
	Set(ctx context.Context, run string, pool Pool, count int64) error
}

var (
	_ Grower = &ClusterAPI{}
	_ Grower = &Hook{}
)

// Pool is what keeps a count of nodes.
type Pool struct {
	// Name is what users call it.
	Name string `json:"name"`
	// Owner is what it is, and its count.
	Owner v1alpha1.NodeOwner `json:"owner"`
	// Min and Max are the limits that an autoscaler was given.
	Min *int64 `json:"min,omitempty"`
	Max *int64 `json:"max,omitempty"`
	// Busy is why its count cannot be set now.
	Busy *v1alpha1.Blocker `json:"busy,omitempty"`
	// Nodes are those that it keeps and that have come, by name.
	Nodes []string `json:"-"`
}

// Pools implements Grower.
func (r *ClusterAPI) Pools(ctx context.Context, nodes []*corev1.Node) ([]Pool, error) {
	estates, err := r.estates(ctx, clustersOf(nodes))
	if err != nil {
		return nil, err
	}
	var pools []Pool
	for _, e := range estates {
		if e == nil {
			continue // kept elsewhere
		}
		for _, p := range e.pools {
			pool := Pool{Name: p.name(), Owner: p.owner(r.Name()), Busy: p.fixed(r.Autoscaler)}
			if n, has := p.limit(minSize); has {
				pool.Min = &n
			}
			if n, has := p.limit(maxSize); has {
				pool.Max = &n
			}
			pool.Nodes = p.nodes()
			pools = append(pools, pool)
		}
	}
	return pools, nil
}

// nodes are those that a pool keeps and that have come, by name. A MachinePool that has
// no Machines says itself which they are.
func (p *pool) nodes() []string {
	found := map[string]bool{}
	for _, m := range p.machines {
		if node := text(&m, "status", "nodeRef", "name"); node != "" {
			found[node] = true
		}
	}
	refs, _, _ := unstructured.NestedSlice(p.object.Object, "status", "nodeRefs")
	for _, one := range refs {
		if ref, is := one.(map[string]any); is {
			if node, _, _ := unstructured.NestedString(ref, "name"); node != "" {
				found[node] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// name is that of a pool in a topology, where it has one, or its own.
func (p *pool) name() string {
	if p.place.name != "" {
		return p.place.name
	}
	return p.object.GetName()
}

// Set implements Grower.
func (r *ClusterAPI) Set(ctx context.Context, _ string, pool Pool, count int64) error {
	for attempt := 1; ; attempt++ {
		p, err := r.pool(ctx, pool.Owner)
		if err != nil {
			return err
		}
		switch {
		case p.count == count:
			return nil
		case pool.Owner.Count == nil || p.count != *pool.Owner.Count:
			return &ChangedError{Owner: pool.Owner, What: fmt.Sprintf("its count is %d meanwhile", p.count)}
		}
		if b := p.fixed(r.Autoscaler); b != nil {
			return &ChangedError{Owner: pool.Owner, What: b.Message}
		}
		if err := p.place.set(ctx, r.Management, p.count, count); err == nil || !changed(err) || attempt == attempts {
			return err
		}
	}
}

// Pools implements Grower: the groups that nodes say they are of. What a program
// keeps without any node is not known.
func (*Hook) Pools(_ context.Context, nodes []*corev1.Node) ([]Pool, error) {
	members := map[string][]string{}
	for _, n := range nodes {
		pool := candidate.PoolOf(n)
		members[pool] = append(members[pool], n.Name)
	}
	var pools []Pool
	for _, name := range candidate.Pools(nodes) {
		pools = append(pools, Pool{Name: name, Nodes: members[name], Owner: v1alpha1.NodeOwner{
			Remover: HookName, Kind: "Group", Name: name, UID: types.UID(name), Count: new(int64(len(members[name]))),
		}})
	}
	return pools, nil
}

// Set implements Grower. A program adds; what it removes are nodes that were chosen.
func (r *Hook) Set(ctx context.Context, run string, pool Pool, count int64) error {
	if pool.Owner.Count == nil || count < *pool.Owner.Count {
		return fmt.Errorf("%s: a program is not told to make a group smaller, but which node goes", r.Program.Path)
	}
	return r.Program.until(ctx, "add", asked{Context: r.Program.Context, Group: pool.Name, PlanID: run, From: pool.Owner.Count, To: &count})
}
