package hub

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// unhurried is how long Karmada's scheduler is left to itself.
const unhurried = 20 * time.Second

// hurries remembers which bindings are waited for, since when or since they were last
// hurried.
type hurries map[types.UID]time.Time

// hurry has Karmada schedule a template again, now and then, that not all clusters could
// take. By itself its scheduler waits twice as long each time (to 1000 s, see
// client-go's DefaultTypedControllerRateLimiter), and that a cluster serves a new type
// is nothing that wakes it (updateCluster in karmada's pkg/scheduler/event_handler.go):
// a run that goes on an hour after it was killed would wait for a quarter of an hour.
func (t *Turn) hurry(ctx context.Context, b *binding) error {
	t.at.mu.Lock()
	since, seen := t.at.hurries[b.UID]
	due := seen && time.Since(since) > unhurried
	if due || !seen {
		t.at.hurries[b.UID] = time.Now()
	}
	t.at.mu.Unlock()
	if !due {
		return nil
	}
	return t.reschedule(ctx, b)
}

// reschedule has Karmada schedule a template anew.
func (p *Plan) reschedule(ctx context.Context, b *binding) error {
	resource := bindingsIn(b.Namespace)
	// What a WorkloadRebalancer of Karmada's sets.
	err := p.hub.MergePatch(ctx, resource, b.Namespace, b.Name, b.UID, map[string]any{
		"spec": map[string]any{"rescheduleTriggeredAt": time.Now().UTC().Format(time.RFC3339)},
	})
	if member.IsObjectNotFound(err) || apierrors.IsConflict(err) {
		return nil // it is another by now: the next look says
	}
	return err
}
