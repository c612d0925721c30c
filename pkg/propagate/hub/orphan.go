package hub

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// uncollected is how long the hub's garbage collector is left to itself.
const uncollected = 5 * time.Second

// orphans are bindings that the hub's garbage collector has to delete, since when.
type orphans struct {
	mu    sync.Mutex
	since map[types.UID]time.Time
}

// isDue is true for one that it was seen with for long.
func (o *orphans) isDue(uid types.UID, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	since, seen := o.since[uid]
	if !seen {
		o.since[uid] = now
	}
	return seen && now.Sub(since) > uncollected
}

// collect deletes the bindings of templates that were deleted, which the hub's garbage
// collector has left. It cannot ask for the template of a type whose definition is gone,
// and asks again ever more seldom (attemptToDeleteItem in kubernetes'
// pkg/controller/garbagecollector): what Karmada has brought to the clusters would stay.
func (p *Plan) collect(ctx context.Context) error {
	s, err := p.look(ctx)
	if err != nil {
		return err
	}
	for _, c := range p.Changes {
		b := s.binding(set.RefOf(c.Object.Unstructured))
		if b == nil || !b.isOrphanOf(c) || !p.at.orphans.isDue(b.UID, time.Now()) {
			continue
		}
		live, err := p.hub.Object(ctx, c.Resource, c.Object.GetNamespace(), c.Object.GetName())
		if err == nil && live.GetUID() == b.Spec.Resource.UID { // a finalizer holds it
			continue
		}
		if err != nil && member.ReasonOf(err) != member.ReasonNotFound { // it, or all of its type
			return err
		}
		err = p.hub.Delete(ctx, bindingsIn(b.Namespace), b.Namespace, b.Name, b.UID, member.WriteOptions{Version: b.ResourceVersion})
		if err != nil && !member.IsObjectNotFound(err) && !apierrors.IsConflict(err) { // else the next look says
			return err
		}
	}
	return nil
}

// isOrphanOf is true for the binding of the very template that a change deletes, if
// nobody deletes it yet.
func (b *binding) isOrphanOf(c *direct.Change) bool {
	deleted, _ := c.State()
	return dropsTemplate(c) && c.Action == direct.ActionDelete && deleted != nil && b.DeletionTimestamp == nil && b.Spec.Resource.UID == deleted.GetUID()
}
