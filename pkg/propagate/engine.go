package propagate

import (
	"context"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/hub"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Engine is how a set is brought to one cluster, as it was planned.
type Engine interface {
	// Idle: there is nothing to be done.
	Idle() bool
	// Locked: somebody was at work on the set when it was planned, or had been killed.
	Locked() bool
	Revision() int
	Restored() *int
	// Planned is what is done, by a hub for all of its clusters.
	Planned() *direct.Plan
	// Where is the UID of the cluster that remembers the set, and has its lock.
	Where() string
	Lock(ctx context.Context, holder string) (context.Context, *state.Lock, error)
	Prepare(ctx context.Context, run set.Run) error
	Apply(ctx context.Context, done func(*direct.Change)) error
	Await(ctx context.Context, g direct.Gate, look func(direct.Health)) error
	// Confirm waits until what is there is healthy, where there was nothing to do.
	Confirm(ctx context.Context, g direct.Gate, look func(direct.Health)) error
	Finish(ctx context.Context) error
	// Cancel gives up what was prepared and had no turn.
	Cancel(ctx context.Context) error
	// Withdraw makes the changes of a plan to take the set away, and forgets it. What
	// is deleted has so much time to go.
	Withdraw(ctx context.Context, within time.Duration) error
	// Left are the objects that stay although the set has them no longer.
	Left() []string
	// Back plans the way back to what was before.
	Back(ctx context.Context) (Engine, error)
}

// directly is the engine that writes to the cluster itself.
type directly struct{ *direct.Plan }

func (d directly) Back(ctx context.Context) (Engine, error) {
	plan, err := d.PlanBack(ctx)
	return directly{plan}, err
}

func (d directly) Planned() *direct.Plan { return d.Plan }

func engines(plans map[string]*direct.Plan) map[string]Engine {
	list := make(map[string]Engine, len(plans))
	for name, plan := range plans {
		list[name] = directly{plan}
	}
	return list
}

// byHub is the engine that has a hub bring it there.
type byHub struct{ *hub.Turn }

func (h byHub) Back(ctx context.Context) (Engine, error) {
	turn, err := h.PlanBack(ctx)
	return byHub{turn}, err
}

func (h byHub) Planned() *direct.Plan { return h.Turn.Plan.Plan }
