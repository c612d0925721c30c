package hub

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// progress is how far a plan has come, for all of its clusters.
type progress struct {
	mu       sync.Mutex
	held     context.Context //nolint:containedctx // it ends with the lock
	prepared bool
	applied  bool
	// dropped: the templates are gone that the set has no longer.
	dropped bool
	// waves are the clusters in their order, as the hub calls them.
	waves [][]string
	// suspended are those to which the hub may not bring anything yet.
	suspended []string
	// spared are those that an earlier run has left suspended. They must not get what
	// they were spared, but at once what comes now.
	spared []string
	// policies are those that say where templates go, as the plan has them.
	policies map[*direct.Change]*unstructured.Unstructured
	// begun and finished are the clusters that have had their turn.
	begun, finished map[string]bool
	hurries         hurries
	back            *Plan
}

// Turn is one cluster's part of a plan: when the hub may bring there what it has.
// What is done on the hub is done by the first of them that comes to it.
type Turn struct {
	*Plan

	// cluster is the name that the hub has for it.
	cluster string
}

// Turn is the part of a cluster.
func (p *Plan) Turn(cluster string) *Turn { return &Turn{p, p.known[cluster]} }

// Lock takes the lock of the set on the hub. Of several turns one gets it, for
// all.
func (t *Turn) Lock(ctx context.Context, holder string) (context.Context, *state.Lock, error) {
	t.at.mu.Lock()
	defer t.at.mu.Unlock()
	if t.at.held != nil {
		return t.at.held, nil, nil
	}
	held, lock, err := t.Plan.Lock(ctx, holder)
	if err == nil {
		t.at.held = held
	}
	return held, lock, err
}

// Prepare keeps on the hub what a run will do.
func (t *Turn) Prepare(ctx context.Context, run set.Run) error {
	t.at.mu.Lock()
	defer t.at.mu.Unlock()
	if t.at.prepared {
		return nil
	}
	run.Waves = t.onHub(run.Waves) // whoever goes on may have other names for the clusters
	t.at.waves = run.Waves
	if err := t.Plan.Prepare(ctx, run); err != nil {
		return err
	}
	t.at.prepared = true
	return nil
}

// Apply has the hub bring it to the cluster. The first turn writes the templates
// while the clusters of later waves are suspended; the others end that. Templates
// are dropped when nobody is suspended any more: that knows no waves.
func (t *Turn) Apply(ctx context.Context, done func(*direct.Change)) error {
	t.at.mu.Lock()
	defer t.at.mu.Unlock()
	t.at.begun[t.cluster] = true
	if !t.at.applied {
		if err := t.applyFirst(ctx, done); err != nil {
			return err
		}
	}
	later := t.later()
	if err := t.release(ctx, later); err != nil || len(later) > 0 {
		return err
	}
	return t.drop(ctx, done)
}

// applyFirst writes the templates, and keeps from whom they are not for yet.
func (t *Turn) applyFirst(ctx context.Context, done func(*direct.Change)) error {
	if err := t.recall(ctx); err != nil {
		return err
	}
	held := t.heldFirst()
	if err := t.hold(ctx, held); err != nil {
		return err
	}
	if err := t.ApplyBut(ctx, t.dropsLate, done); err != nil {
		return err
	}
	if err := t.rescheduleAstray(ctx); err != nil {
		return err
	}
	t.at.applied = true
	if len(held) == len(t.later()) {
		return nil
	}
	if len(t.later()) == 0 { // what is spared them is not to come with the rest
		if err := t.drop(ctx, done); err != nil {
			return err
		}
	}
	return t.awaitWorks(ctx, "carries what it is to get", t.carries)
}

// Await waits until all is in the cluster, and healthy. Restarts of containers are not
// known to a hub, and neither are events: for those the cluster itself is asked. Where
// that falls silent, what the hub says of it is old.
func (t *Turn) Await(ctx context.Context, g direct.Gate, look func(direct.Health)) error {
	one := newGate(t.Plan, t.cluster)
	one.hurry = t.hurry
	return g.Await(ctx, direct.Looks{
		Health: func(ctx context.Context) (h direct.Health, failed string, err error) {
			if h, failed, err = one.look(ctx); err == nil {
				err = t.gone(ctx, t.cluster)
			}
			return h, failed, err
		},
		Restarts: func(context.Context) (int, error) { return 0, nil },
		Warnings: func(ctx context.Context, since time.Time) ([]string, error) { return t.warnings(ctx, t.cluster, since) },
	}, look)
}

// Confirm is Await without a bake, where there was nothing to do.
func (t *Turn) Confirm(ctx context.Context, g direct.Gate, look func(direct.Health)) error {
	g.Bake = 0
	return t.Await(ctx, g, look)
}

// Finish says that the cluster passed its gate. With the last one all is done.
func (t *Turn) Finish(ctx context.Context) error {
	t.at.mu.Lock()
	defer t.at.mu.Unlock()
	t.at.finished[t.cluster] = true
	all := len(t.known)
	if len(t.at.waves) == 0 {
		all = len(t.at.begun)
	}
	if len(t.at.finished) < all {
		return nil
	}
	return t.Plan.Finish(ctx)
}

// Cancel gives up a run that was prepared, unless some cluster has had its turn.
func (t *Turn) Cancel(ctx context.Context) error {
	t.at.mu.Lock()
	defer t.at.mu.Unlock()
	if t.at.applied || !t.at.prepared {
		return nil
	}
	t.at.prepared = false
	return t.Plan.Cancel(ctx)
}

// PlanBack plans to bring the hub back to before the run. It is one plan for all
// turns.
func (t *Turn) PlanBack(ctx context.Context) (*Turn, error) {
	t.at.mu.Lock()
	defer t.at.mu.Unlock()
	if t.at.back == nil {
		plan, err := t.Plan.PlanBack(ctx)
		if err != nil {
			return nil, err
		}
		t.at.back = newPlan(t.hub, t.options, t.beside.reach)
		t.at.back.Plan, t.at.back.known, t.at.back.joined, t.at.back.beside = plan, t.known, t.joined, t.beside
		t.at.back.at.spared = t.at.suspended
		if err := t.at.back.recallOverrides(); err != nil {
			return nil, err
		}
	}
	return &Turn{t.at.back, t.cluster}, nil
}

// onHub are waves by the names that the hub has for their clusters.
func (p *Plan) onHub(waves [][]string) [][]string {
	known := make([][]string, len(waves))
	for i, wave := range waves {
		for _, name := range wave {
			known[i] = append(known[i], p.known[name])
		}
	}
	return known
}

// heldFirst are the clusters that the templates are kept from when they are written.
func (t *Turn) heldFirst() []string {
	held := t.later()
	for _, name := range t.at.spared {
		if !slices.Contains(held, name) {
			held = append(held, name)
		}
	}
	return held
}

// later are the clusters of the waves after the turn's.
func (t *Turn) later() []string {
	var names []string
	after := false
	for _, wave := range t.at.waves {
		if after {
			names = append(names, wave...)
		}
		for _, name := range wave {
			after = after || name == t.cluster
		}
	}
	return names
}
