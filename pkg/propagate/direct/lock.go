package direct

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Locked is true if somebody was at work on the set when it was planned, or had
// been killed at it.
func (p *Plan) Locked() bool { return p.locked }

// Lock takes the lock of the set in the cluster; see state.Store.Acquire. What was
// planned for a set that is another by now is a *set.ChangedError.
func (p *Plan) Lock(ctx context.Context, holder string) (held context.Context, lock *state.Lock, err error) {
	store := p.store()
	if err := p.ensureSpace(ctx, store); err != nil {
		return nil, nil, err
	}
	held, lock, err = store.Acquire(ctx, lockOf(p.options.Set), holder)
	if err != nil {
		return nil, nil, err
	}
	if err := p.set.Unchanged(ctx); err != nil {
		lock.Release(ctx)
		return nil, nil, err
	}
	return held, lock, nil
}

// ensureSpace makes the state namespace if it was missing when that was looked for.
func (p *Plan) ensureSpace(ctx context.Context, store state.Store) error {
	switch {
	case p.set.Exists(), p.hasSpace != nil && *p.hasSpace: // where the set is, its namespace is
		return nil
	case p.hasSpace != nil:
		return store.CreateNamespace(ctx)
	}
	return store.EnsureNamespace(ctx)
}

// store is where the cluster remembers the set.
func (p *Plan) store() state.Store {
	return state.Store{Member: p.member, Namespace: p.options.StateNamespace}
}

func lockOf(name string) string { return "set-" + name }
