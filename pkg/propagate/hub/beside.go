package hub

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
)

// Reach finds the way to a cluster itself, past the hub.
type Reach func(ctx context.Context, c inventory.Cluster) (*member.Member, error)

// beside are the clusters of a hub as they can be asked themselves: for what Karmada
// does not know.
type beside struct {
	reach Reach
	// clusters are by the hub's names of them.
	clusters map[string]inventory.Cluster
	// accounts are Karmada's there, by the hub's names, where they are known.
	accounts map[string]string

	mu     sync.Mutex
	unseen map[string]error
}

// Unseen are the clusters that could not be asked themselves, by the user's names, and
// why: what is said of them is Karmada's word alone.
func (p *Plan) Unseen() map[string]error {
	p.beside.mu.Lock()
	defer p.beside.mu.Unlock()
	return maps.Clone(p.beside.unseen)
}

// in lists the objects of the set that a cluster has. known is false where it cannot
// be asked.
func (p *Plan) in(ctx context.Context, cluster string) (objects []*unstructured.Unstructured, known bool) {
	c := p.beside.clusters[cluster]
	m, err := p.beside.reach(ctx, c)
	if err == nil {
		objects, err = p.In(ctx, m, func(kind schema.GroupKind) bool { return kind.Group != policyv1alpha1.GroupName })
	}
	p.beside.asked(ctx, c, err)
	return objects, err == nil
}

// asked notes whether a cluster could be asked itself.
func (b *beside) asked(ctx context.Context, c inventory.Cluster, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.unseen, c.Name)
	if err != nil && ctx.Err() == nil {
		b.unseen[c.Name] = err
	}
}

// warnings are the Warning events about the set in a cluster.
func (p *Plan) warnings(ctx context.Context, cluster string, since time.Time) ([]string, error) {
	c := p.beside.clusters[cluster]
	m, err := p.beside.reach(ctx, c)
	if err != nil {
		p.beside.asked(ctx, c, err)
		return nil, err
	}
	return p.WarningsIn(ctx, m, since)
}

// awaitGone waits until what Karmada has deleted in a cluster is gone there: to it, it
// is when it was deleted, whatever finalizer holds it.
func (t *Turn) awaitGone(ctx context.Context, within time.Duration, cluster string) error {
	err := direct.AwaitGone(ctx, within, func(ctx context.Context) ([]*unstructured.Unstructured, error) {
		var left []*unstructured.Unstructured
		objects, _ := t.in(ctx, cluster)
		for _, o := range objects {
			if o.GetDeletionTimestamp() != nil {
				left = append(left, o)
			}
		}
		return left, nil
	})
	if err != nil && cluster != t.cluster {
		return fmt.Errorf("in %s: %w", cluster, err)
	}
	return err
}
