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

// Claim implements Remover.
func (r *ClusterAPI) Claim(ctx context.Context, nodes []*corev1.Node) (Claims, error) {
	c := Claims{Owners: map[string]v1alpha1.NodeOwner{}, Spare: map[types.UID]int64{}}
	verdicts, err := r.judge(ctx, nodes)
	if err != nil {
		return c, err
	}
	if c.Blocked, err = r.custom(ctx, nodes); err != nil {
		return c, err
	}
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
	return c, nil
}

// Begin implements Remover.
func (r *ClusterAPI) Begin(ctx context.Context, nodes []Node) ([]*Step, error) {
	objects, err := r.nodes(ctx, nodes)
	if err != nil {
		return nil, err
	}
	verdicts, err := r.judge(ctx, objects)
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
