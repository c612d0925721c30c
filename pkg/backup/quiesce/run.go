// Package quiesce holds still what a policy names, and lets it go again. It alone knows what an action is, and has the words that are
// spoken with a target.
package quiesce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Defaults of a policy, and what is added to them.
const (
	defaultFreeze  = 90 * time.Second
	defaultTimeout = 30 * time.Second
	// overdue is how much later than its policy says a hold is ended by its deadman.
	overdue = 30 * time.Second
	// slack is what the way to a target and back may take, beside its commands.
	slack = 10 * time.Second
	// tries is how often a release is tried, and pause how long is waited in between.
	tries = 3
	pause = time.Second
)

// Run is who holds. The same run may be spoken for by several processes, one after the other.
type Run struct {
	// Name is the run's, and Token that of the process that speaks for it.
	Name, Token string
	// Policy has the actions.
	Policy *v1alpha1.BackupSchedule
	// Now is the run's clock, in milliseconds.
	Now func() int64

	rehearses bool
}

// BrokenError is a hold that is not unbroken: what was to be still is not, or may not have been.
type BrokenError struct{ What, Why string }

func (e *BrokenError) Error() string { return e.What + " is not held still: " + e.Why }

// Reason classifies the failure.
func (*BrokenError) Reason() member.Reason { return member.ReasonUnhealthy }

// RemedyError is an error of which it is known what a person can do about it.
type RemedyError struct {
	Err    error
	Remedy string
}

func (e *RemedyError) Error() string { return e.Err.Error() }

func (e *RemedyError) Unwrap() error { return e.Err }

// Fix is the remedy.
func (e *RemedyError) Fix() string { return e.Remedy }

func remedied(remedy, format string, args ...any) error {
	return &RemedyError{fmt.Errorf(format, args...), remedy}
}

// FreezeError is something that could not be held still.
type FreezeError struct {
	What string
	Err  error
}

func (e *FreezeError) Error() string {
	return fmt.Sprintf("%s cannot be held still: %v", e.What, e.Err)
}

func (e *FreezeError) Unwrap() error { return e.Err }

// UnreleasedError is a hold of which it is not known that nothing is frozen any more.
type UnreleasedError struct {
	What string
	Err  error
}

func (e *UnreleasedError) Error() string {
	return fmt.Sprintf("%s is not known to be released: %v", e.What, e.Err)
}

func (e *UnreleasedError) Unwrap() error { return e.Err }

// action is one kind of holding something still in one cluster.
type action interface {
	// plan finds what it is for. It changes nothing.
	plan(ctx context.Context) ([]v1alpha1.Hold, error)
	rehearse(ctx context.Context, h v1alpha1.Hold) error
	// freeze leaves it to its caller to release what it could not freeze.
	freeze(ctx context.Context, h *v1alpha1.Hold) error
	check(ctx context.Context, h *v1alpha1.Hold) error
	// release tries once, and is true if there is nothing left to do.
	release(ctx context.Context, h *v1alpha1.Hold) (done bool, err error)
}

// Plan finds what the policy's actions hold still in a cluster. It changes nothing. An action that finds nothing is an error.
func (r Run) Plan(ctx context.Context, m *member.Member) ([]v1alpha1.Hold, error) {
	var holds []v1alpha1.Hold
	for w, wave := range r.Policy.Spec.Quiesce {
		for i, a := range wave.Actions {
			if !isFor(a, m) {
				continue
			}
			does, err := r.action(m, w, i)
			if err != nil {
				return nil, err
			}
			found, err := does.plan(ctx)
			if err != nil {
				return nil, fmt.Errorf("wave %d, action %d: %w", w+1, i+1, err)
			}
			for _, h := range found {
				h.Wave, h.Action, h.State = w, i, v1alpha1.HoldPlanned
				holds = append(holds, h)
			}
		}
	}
	return holds, nil
}

// isFor is true if an action is for a cluster.
func isFor(a v1alpha1.QuiesceAction, m *member.Member) bool {
	return len(a.Clusters) == 0 || slices.Contains(a.Clusters, m.Cluster().Name)
}

// Rehearse does all there is to a hold, but for the freeze and the release: nothing is held still. It is an error that says why it
// could not be.
func (r Run) Rehearse(ctx context.Context, m *member.Member, h v1alpha1.Hold) error {
	does, err := r.action(m, h.Wave, h.Action)
	if err != nil {
		return err
	}
	if err := does.rehearse(ctx, h); err != nil {
		return &FreezeError{what(h), err}
	}
	return nil
}

// Freeze arms a hold and freezes what it is for. What could not be frozen is released at once: the hold's state then says whether that
// is known, as after Release.
func (r Run) Freeze(ctx context.Context, m *member.Member, h *v1alpha1.Hold) error {
	does, err := r.action(m, h.Wave, h.Action)
	if err != nil {
		return err
	}
	now := r.Now()
	h.ArmedMillis = &now
	err = does.freeze(ctx, h)
	if err == nil {
		h.State = v1alpha1.HoldFrozen
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	why := err.Error()
	err = &FreezeError{what(*h), err}
	if unreleased := r.Release(context.WithoutCancel(ctx), m, h); unreleased != nil {
		return errors.Join(err, unreleased)
	}
	h.State, h.Why = v1alpha1.HoldBroken, why
	return err
}

// Check is an error if a hold is not known to be unbroken until now. Its state says whether it is known to be broken.
func (r Run) Check(ctx context.Context, m *member.Member, h *v1alpha1.Hold) error {
	does, err := r.action(m, h.Wave, h.Action)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout(*h)+slack)
	defer cancel()
	err = does.check(ctx, h)
	if broken, is := errors.AsType[*BrokenError](err); is {
		h.State, h.Why = v1alpha1.HoldBroken, broken.Why
	}
	return err
}

// Release ends a hold, and puts back what it changed. It may be done again, and by another process. The state is Released afterwards
// if it is known that nobody else has ended the hold before, else Broken. It is an *UnreleasedError if it is not known that nothing is
// frozen; the state is then as it was.
func (r Run) Release(ctx context.Context, m *member.Member, h *v1alpha1.Hold) error {
	if h.State == v1alpha1.HoldReleased {
		return nil
	}
	does, err := r.action(m, h.Wave, h.Action)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		var done bool
		if done, err = r.releaseOnce(ctx, does, h); done {
			return nil
		}
		if try == tries {
			return &UnreleasedError{what(*h), err}
		}
		select {
		case <-ctx.Done():
			return &UnreleasedError{what(*h), err}
		case <-time.After(pause):
		}
	}
}

func (r Run) releaseOnce(ctx context.Context, does action, h *v1alpha1.Hold) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*r.timeout(*h)+slack)
	defer cancel()
	return does.release(ctx, h)
}

// action finds the kind of an action.
func (r Run) action(m *member.Member, wave, index int) (action, error) {
	if wave >= len(r.Policy.Spec.Quiesce) || index >= len(r.Policy.Spec.Quiesce[wave].Actions) {
		return nil, fmt.Errorf("the policy has no action %d in wave %d", index+1, wave+1)
	}
	a := r.Policy.Spec.Quiesce[wave].Actions[index]
	switch {
	case a.Exec != nil:
		return container{run: r, member: m, action: *a.Exec, timeout: timeoutOf(a)}, nil
	case a.Scale != nil:
		return newScale(r, m, *a.Scale, timeoutOf(a))
	case a.Patch != nil:
		return newPatch(r, m, *a.Patch, timeoutOf(a))
	}
	return nil, fmt.Errorf("wave %d, action %d: it has none of exec, scale and patch", wave+1, index+1)
}

func (r Run) timeout(h v1alpha1.Hold) time.Duration {
	return timeoutOf(r.Policy.Spec.Quiesce[h.Wave].Actions[h.Action])
}

func timeoutOf(a v1alpha1.QuiesceAction) time.Duration {
	return cmp.Or(a.Timeout.Duration, defaultTimeout)
}

// ttl is when a deadman ends a hold.
func (r Run) ttl() time.Duration {
	if r.rehearses {
		return overdue
	}
	return cmp.Or(r.Policy.Spec.MaxFreeze.Duration, defaultFreeze) + overdue
}

// what is held, in words.
func what(h v1alpha1.Hold) string {
	if h.Container != "" {
		return fmt.Sprintf("container %s of pod %s/%s", h.Container, h.Namespace, h.Name)
	}
	if h.Namespace == "" {
		return h.Name
	}
	return h.Namespace + "/" + h.Name
}

// broken notes why a hold is; what was noted first counts.
func broken(h *v1alpha1.Hold, format string, args ...any) {
	if h.State != v1alpha1.HoldBroken || h.Why == "" {
		h.Why = fmt.Sprintf(format, args...)
	}
	h.State = v1alpha1.HoldBroken
}
