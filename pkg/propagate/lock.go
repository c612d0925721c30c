package propagate

import (
	"context"
	"errors"
	"slices"
	"sort"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// heldLocks are the locks of a run, by cluster.
type heldLocks struct {
	mu    sync.Mutex
	locks map[string]*state.Lock
	alive map[string]context.Context // each ends with its lock
}

// lock takes the lock of the set in every cluster: that of the lowest UID first,
// so that of two runs over the same clusters one wins, then the others side by
// side.
func (r *run) lock(ctx context.Context) error {
	r.held.locks, r.held.alive = map[string]*state.Lock{}, map[string]context.Context{}
	order := slices.Clone(r.busy)
	sort.SliceStable(order, func(i, j int) bool { return r.plans[order[i].Name].Where() < r.plans[order[j].Name].Where() })
	for _, turn := range [][]inventory.Cluster{order[:1], order[1:]} {
		err := r.each(ctx, turn, func(attempt context.Context, c inventory.Cluster, _ *Outcome) error {
			alive, lock, err := r.plans[c.Name].Lock(attempt, r.strategy.By)
			if err != nil {
				return err
			}
			r.held.mu.Lock()
			defer r.held.mu.Unlock()
			r.held.locks[c.Name], r.held.alive[c.Name] = lock, alive
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// IsTaken is true for the error of a run before which somebody else was at work on
// the set: nothing was changed.
func IsTaken(err error) bool {
	_, changed := errors.AsType[*set.ChangedError](err)
	return IsLocked(err) || changed
}

// IsLocked is IsTaken where somebody is at work still.
func IsLocked(err error) bool {
	_, locked := errors.AsType[*state.LockedError](err)
	return locked
}

// IsUnlocked is true for the error of a run whose lock was lost: it stopped where it
// was. By what is remembered that may be seen first.
func IsUnlocked(err error) bool {
	return errors.Is(err, state.ErrLockLost) || errors.Is(err, state.ErrChanged)
}

// unlocked is true if the lock of some cluster was lost: whoever has it now decides what
// becomes of the set.
func (r *run) unlocked() bool {
	return slices.ContainsFunc(r.busy, func(c inventory.Cluster) bool { return IsUnlocked(r.outcomes[c.Name].Err) })
}

// under is a context that ends with the lock of a cluster, too.
func (h *heldLocks) under(ctx context.Context, cluster string) (context.Context, func()) {
	h.mu.Lock()
	alive := h.alive[cluster]
	h.mu.Unlock()
	if alive == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(alive, func() { cancel(context.Cause(alive)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// release gives all locks back, side by side.
func (h *heldLocks) release(ctx context.Context) {
	var wait sync.WaitGroup
	for _, lock := range h.locks {
		if lock == nil { // another cluster's is its own, too
			continue
		}
		wait.Go(func() { lock.Release(ctx) })
	}
	wait.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.alive)
}
