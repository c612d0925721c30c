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
	// heard are the clusters that have answered themselves, and lost is why those of them
	// do not any more that have fallen silent since; both by the user's names.
	heard map[string]bool
	lost  map[string]error
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
	b.listen(ctx, c, err)
}

// listen notes whether a cluster that has answered itself still does; the caller holds
// the lock.
func (b *beside) listen(ctx context.Context, c inventory.Cluster, err error) {
	switch {
	case !member.IsAway(err):
		b.heard[c.Name] = true
		delete(b.lost, c.Name)
	case b.heard[c.Name] && ctx.Err() == nil:
		b.lost[c.Name] = err
	}
}

// gone is why a cluster is not there any more, as it was when the plan was made or the
// gate began: it has fallen silent, or Karmada does not reach it. What Karmada says of
// the objects in it is how they were before that.
func (p *Plan) gone(ctx context.Context, cluster string) error {
	for page, err := range p.hub.Objects(ctx, member.ListRequest{Resource: clusters(), FieldSelector: "metadata.name=" + cluster, Limit: 500}) {
		if err != nil {
			return err
		}
		for i := range page {
			if claim, message := inventory.Condition(&page[i], "Ready"); claim == inventory.ClaimNotReady && page[i].GetName() == cluster {
				return &member.Error{Reason: member.ReasonUnreachable, Err: fmt.Errorf("Karmada does not reach it: %s", message)} //nolint:staticcheck // a name
			}
		}
	}
	p.beside.mu.Lock()
	defer p.beside.mu.Unlock()
	return p.beside.lost[p.beside.clusters[cluster].Name]
}

// warnings are the Warning events about the set in a cluster.
func (p *Plan) warnings(ctx context.Context, cluster string, since time.Time) ([]string, error) {
	c := p.beside.clusters[cluster]
	m, err := p.beside.reach(ctx, c)
	if err != nil {
		p.beside.asked(ctx, c, err)
		return nil, err
	}
	warnings, err := p.WarningsIn(ctx, m, since)
	p.beside.mu.Lock()
	defer p.beside.mu.Unlock()
	p.beside.listen(ctx, c, err)
	return warnings, err
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
