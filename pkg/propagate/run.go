package propagate

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/hub"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// OnFailure is what a run does when a wave fails.
type OnFailure string

// The ways to go on after a failure.
const (
	// Pause stops; what was begun stays, and the same command goes on from there.
	Pause OnFailure = "pause"
	// Rollback brings every cluster that the run has touched back to what it had.
	Rollback OnFailure = "rollback"
	// Continue goes on with the next wave.
	Continue OnFailure = "continue"
)

// Strategy is how a run goes from cluster to cluster.
type Strategy struct {
	Waves     []fanout.Wave
	OnFailure OnFailure
	// NoWait ends a cluster's turn when all is written.
	NoWait bool
	Gate   direct.Gate
	// Check is asked after each wave whether to go on; nil: nobody is.
	Check func(ctx context.Context, wave fanout.Wave) error
	// Resumed: the run was begun before, and is taken up again.
	Resumed bool
	// Through are clusters that had their turn before: Rollback brings them back, too.
	Through []inventory.Cluster
	// By is who begins the run, as USER@HOST.
	By string
}

// CheckError is a Check of a wave that said no.
type CheckError struct {
	Command string
	Err     error
}

func (e *CheckError) Error() string { return fmt.Sprintf("the gate %q said no: %v", e.Command, e.Err) }

func (e *CheckError) Unwrap() error { return e.Err }

// Reason classifies the failure.
func (*CheckError) Reason() member.Reason { return member.ReasonGateFailed }

// Outcome is what a run came to in one cluster.
type Outcome struct {
	// Phase is one of v1alpha1's constants for Propagation.Phase.
	Phase    string
	Revision int
	// Restores is the revision that this one brings back; nil if none is known.
	Restores *int
	Health   direct.Health
	// Left are the objects that stay in a cluster that was brought back, in words.
	Left []string
	// Back is the way back that the cluster was brought; nil if it was not.
	Back *direct.Plan
	// RollbackErr is why the cluster could not be brought back.
	RollbackErr error
}

// Observer hears how a run goes on, from several goroutines at once.
type Observer interface {
	// Wave: a wave begins, counted from 1.
	Wave(number, of int, wave fanout.Wave)
	// Looked: a cluster was looked at in its gate.
	Looked(cluster string, h direct.Health)
	// Finished: a cluster passed its gate, or failed.
	Finished(cluster string, err error, took time.Duration)
	// RollingBack: these clusters are brought back, because of err.
	RollingBack(clusters []string, err error)
}

// Run applies plans, wave by wave. The results are in the order of the clusters;
// one that had no turn is skipped. Whatever ends it, it can be run again.
func Run(ctx context.Context, f Fleet, plans map[string]*direct.Plan, s Strategy, o Observer) fanout.Results[Outcome] {
	r := newRun(f, engines(plans), s, o)
	r.run(ctx)
	r.confirm(ctx)
	r.sweep(ctx)
	return r.results()
}

// RunHub is Run by a hub: clusters have their turns as it is allowed to bring them
// what it has.
func RunHub(ctx context.Context, f Fleet, plan *hub.Plan, s Strategy, o Observer) fanout.Results[Outcome] {
	r := newRun(f, turns(f, plan), s, o)
	r.run(ctx)
	r.confirm(ctx)
	r.sweep(ctx)
	return r.results()
}

// run is a run from its locks to its end.
type run struct {
	fleet    Fleet
	plans    map[string]Engine
	strategy Strategy
	observer Observer
	// busy are the clusters in which something is to be done.
	busy []inventory.Cluster

	mu       sync.Mutex
	outcomes map[string]fanout.Result[Outcome]
	held     heldLocks
	touched  []inventory.Cluster
}

func newRun(f Fleet, plans map[string]Engine, s Strategy, o Observer) *run {
	r := &run{fleet: f, plans: plans, strategy: s, observer: o, outcomes: map[string]fanout.Result[Outcome]{}}
	for _, c := range f.Clusters {
		outcome := Outcome{Phase: v1alpha1.PropagationUnchanged, Revision: plans[c.Name].Revision(), Restores: plans[c.Name].Restored()}
		switch {
		case !plans[c.Name].Idle():
			outcome.Phase = v1alpha1.PropagationPlanned
			r.busy = append(r.busy, c)
		case s.OnFailure == Rollback && slices.Contains(namesOf(s.Through), c.Name):
			r.busy = append(r.busy, c)
		}
		r.outcomes[c.Name] = fanout.Result[Outcome]{Cluster: c, Value: outcome}
	}
	return r
}

func (r *run) results() fanout.Results[Outcome] {
	results := make(fanout.Results[Outcome], len(r.fleet.Clusters))
	for i, c := range r.fleet.Clusters {
		results[i] = r.outcomes[c.Name]
	}
	return results
}

func (r *run) run(ctx context.Context) {
	if len(r.busy) == 0 {
		return
	}
	defer r.held.release(ctx)
	if err := r.lock(ctx); err != nil {
		r.skip(err)
		return
	}
	id := set.Run{ID: rand.Text(), By: r.strategy.By, Started: time.Now().UTC().Format(time.RFC3339), Bake: r.strategy.Gate.Bake.String()}
	for _, w := range r.strategy.Waves {
		id.Waves = append(id.Waves, namesOf(w.Clusters))
	}
	if r.strategy.OnFailure == Rollback {
		r.touched = append(r.touched, r.strategy.Through...)
	}
	turns := slices.DeleteFunc(slices.Clone(r.busy), func(c inventory.Cluster) bool { return r.plans[c.Name].Idle() })
	prepared := r.each(ctx, turns, func(ctx context.Context, c inventory.Cluster, outcome *Outcome) error {
		id := id
		id.Wave = 1 + slices.IndexFunc(r.strategy.Waves, func(w fanout.Wave) bool { return slices.Contains(namesOf(w.Clusters), c.Name) })
		if err := r.plans[c.Name].Prepare(ctx, id); err != nil {
			return err
		}
		outcome.Phase, outcome.Revision, outcome.Restores = v1alpha1.PropagationPending, r.plans[c.Name].Revision(), r.plans[c.Name].Restored()
		return nil
	})
	if prepared != nil {
		r.cancel(ctx)
		r.skip(prepared)
		return
	}
	var failed error
	for i, wave := range r.strategy.Waves {
		if err := r.wave(ctx, i, wave); err != nil {
			failed = errors.Join(failed, err)
			if r.strategy.OnFailure != Continue || ctx.Err() != nil || r.unlocked() {
				break
			}
		}
	}
	switch {
	case failed == nil:
	case r.strategy.OnFailure == Rollback && ctx.Err() == nil && !r.unlocked():
		r.rollback(ctx, failed)
	default:
		if !r.strategy.Resumed && !r.begun() { // interrupted before anything was
			r.cancel(ctx)
		}
		r.skip(failed)
	}
}

// begun is true if something was written to a cluster, beside what is remembered.
func (r *run) begun() bool {
	return slices.ContainsFunc(r.busy, func(c inventory.Cluster) bool {
		phase := r.outcomes[c.Name].Value.Phase
		return phase != v1alpha1.PropagationPlanned && phase != v1alpha1.PropagationPending
	})
}

// wave gives a wave its turn.
func (r *run) wave(ctx context.Context, number int, wave fanout.Wave) error {
	turn := slices.DeleteFunc(slices.Clone(wave.Clusters), func(c inventory.Cluster) bool { return r.plans[c.Name].Idle() })
	if len(turn) == 0 {
		return nil
	}
	r.observer.Wave(number+1, len(r.strategy.Waves), fanout.Wave{Name: wave.Name, Clusters: turn})
	r.touched = append(r.touched, turn...)
	err := r.each(ctx, turn, func(ctx context.Context, c inventory.Cluster, outcome *Outcome) error {
		began := time.Now()
		err := r.one(ctx, c, outcome)
		r.observer.Finished(c.Name, err, time.Since(began))
		if err != nil {
			outcome.Phase = v1alpha1.PropagationFailed
		}
		return err
	})
	if err == nil && r.strategy.Check != nil {
		if err = r.strategy.Check(ctx, wave); err != nil {
			r.fail(turn, err)
		}
	}
	passed := slices.DeleteFunc(turn, func(c inventory.Cluster) bool { return r.outcomes[c.Name].Err != nil })
	return cmp.Or(err, r.each(ctx, passed, func(ctx context.Context, c inventory.Cluster, _ *Outcome) error {
		return r.plans[c.Name].Finish(ctx)
	}))
}

// one brings the set to one cluster.
func (r *run) one(ctx context.Context, c inventory.Cluster, outcome *Outcome) error {
	plan := r.plans[c.Name]
	if err := plan.Apply(ctx, func(*direct.Change) {}); err != nil {
		return err
	}
	if r.strategy.NoWait {
		outcome.Phase = v1alpha1.PropagationApplied
		return nil
	}
	err := plan.Await(ctx, r.strategy.Gate, func(h direct.Health) {
		outcome.Health = h
		r.observer.Looked(c.Name, h)
	})
	if err != nil {
		return err
	}
	outcome.Phase = v1alpha1.PropagationDone
	return nil
}

// withdraw takes the set out of every cluster.
func (r *run) withdraw(ctx context.Context) {
	defer r.held.release(ctx)
	if err := r.lock(ctx); err != nil {
		r.skip(err)
		return
	}
	_ = r.each(ctx, r.busy, func(ctx context.Context, c inventory.Cluster, outcome *Outcome) error {
		began := time.Now()
		err := r.plans[c.Name].Withdraw(ctx, r.strategy.Gate.Timeout)
		r.observer.Finished(c.Name, err, time.Since(began))
		outcome.Phase = v1alpha1.PropagationWithdrawn
		if err != nil {
			outcome.Phase = v1alpha1.PropagationFailed
		}
		return err
	})
}

// cancel gives up what was prepared and had no turn.
func (r *run) cancel(ctx context.Context) {
	waiting := slices.DeleteFunc(slices.Clone(r.busy), func(c inventory.Cluster) bool {
		return r.outcomes[c.Name].Value.Phase != v1alpha1.PropagationPending
	})
	_ = r.each(context.WithoutCancel(ctx), waiting, func(ctx context.Context, c inventory.Cluster, outcome *Outcome) error {
		err := r.plans[c.Name].Cancel(ctx)
		if err == nil {
			outcome.Phase, outcome.Revision, outcome.Restores = v1alpha1.PropagationPlanned, r.plans[c.Name].Revision(), r.plans[c.Name].Restored()
		}
		return err
	})
}

// each runs fn for clusters under their locks, keeps what it came to, and returns
// the first failure.
func (r *run) each(ctx context.Context, clusters []inventory.Cluster, fn func(context.Context, inventory.Cluster, *Outcome) error) error {
	results := fanout.Collect(ctx, clusters, r.fleet.Fanout, func(ctx context.Context, c inventory.Cluster) (Outcome, error) {
		ctx, stop := r.held.under(ctx, c.Name)
		defer stop()
		r.mu.Lock()
		outcome := r.outcomes[c.Name].Value
		r.mu.Unlock()
		err := fn(ctx, c, &outcome)
		if lost := context.Cause(ctx); err != nil && IsUnlocked(lost) && !IsUnlocked(err) {
			err = lost // a request that it ended says that it was canceled, and no more
		}
		return outcome, err
	})
	var first error
	for _, result := range results {
		if result.Value.Phase == "" { // fn was never called
			result.Value = r.outcomes[result.Cluster.Name].Value
		}
		r.outcomes[result.Cluster.Name] = result
		if result.Err != nil && first == nil {
			first = &fanout.StoppedError{First: result.Cluster.Name, Err: result.Err}
		}
	}
	return first
}

// skip says of the clusters that wait for a turn why they will have none.
func (r *run) skip(cause error) {
	for _, c := range r.busy {
		result := r.outcomes[c.Name]
		if result.Err == nil && (result.Value.Phase == v1alpha1.PropagationPending || result.Value.Phase == v1alpha1.PropagationPlanned) {
			result.Err = &fanout.SkippedError{Cause: cause}
			r.outcomes[c.Name] = result
		}
	}
}

// fail makes the failure of a wave that of its clusters.
func (r *run) fail(clusters []inventory.Cluster, err error) {
	for _, c := range clusters {
		result := r.outcomes[c.Name]
		result.Err, result.Value.Phase = err, v1alpha1.PropagationFailed
		r.outcomes[c.Name] = result
	}
}

func namesOf(clusters []inventory.Cluster) []string {
	names := make([]string, len(clusters))
	for i, c := range clusters {
		names[i] = c.Name
	}
	return names
}
