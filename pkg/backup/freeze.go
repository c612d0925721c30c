package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
)

// errFrozenLong is a freeze that has lasted as long as the policy lets it.
var errFrozenLong = errors.New("maxFreeze is over")

// errOther is why a member's work ends when another, required one is lost.
var errOther = errors.New("a required member was lost")

// freeze holds everything still, wave after wave, members side by side. What could
// not be held is released at once.
func (r *run) freeze(ctx context.Context) {
	for wave := range r.policy.Spec.Quiesce {
		stopping, stop := context.WithCancelCause(ctx)
		r.each(stopping, r.live(), func(ctx context.Context, p *part) error {
			began := r.now()
			holds := holdsOf(p, wave)
			if len(holds) == 0 {
				return nil
			}
			r.observer.Freezing(p.cluster.Name)
			err := all(holds, func(h *v1alpha1.Hold) error {
				if err := r.hold.Freeze(ctx, p.member, h); err != nil {
					return fmt.Errorf("%s/%s: %w", h.Namespace, h.Name, err)
				}
				return nil
			})
			at := &p.own().Instants
			for _, h := range holds {
				if h.ArmedMillis != nil && (at.Armed == nil || *h.ArmedMillis < *at.Armed) {
					at.Armed = h.ArmedMillis
				}
			}
			if err != nil && ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				p.lost = err // before others are stopped because of it
				r.observer.Lost(p.cluster.Name, err)
				if p.required {
					stop(errOther)
				}
				return err
			}
			at.Quiet = new(r.now())
			r.observer.Frozen(p.cluster.Name, len(holds), millis(*at.Quiet-began))
			return nil
		})
		stop(nil)
		var failed []*part
		for _, p := range r.parts {
			if p.lost != nil && p.journal != nil && len(p.own().Holds) > 0 {
				failed = append(failed, p)
			}
		}
		if r.requiredLost() != nil {
			return
		}
		_ = r.release(ctx, failed) // what fails now is tried again in the end, and said there
		if len(r.live()) == 0 {
			return
		}
	}
}

// holdsOf are a member's holds of one wave.
func holdsOf(p *part, wave int) []*v1alpha1.Hold {
	var holds []*v1alpha1.Hold
	own := p.own()
	for i := range own.Holds {
		if own.Holds[i].Wave == wave {
			holds = append(holds, &own.Holds[i])
		}
	}
	return holds
}

// all does something with holds at the same time.
func all(holds []*v1alpha1.Hold, do func(*v1alpha1.Hold) error) error {
	errs := make([]error, len(holds))
	var group sync.WaitGroup
	for i, h := range holds {
		group.Go(func() { errs[i] = do(h) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// check asks every hold of a member whether it is still unbroken, and whether a pod has
// come that nobody holds. If it is not so, or not known, that is no failure of the
// member: its Backup goes on, and is torn.
func (r *run) check(ctx context.Context, p *part) {
	own := p.own()
	holds := make([]*v1alpha1.Hold, len(own.Holds))
	for i := range own.Holds {
		holds[i] = &own.Holds[i]
	}
	_ = all(holds, func(h *v1alpha1.Hold) error {
		if h.State != v1alpha1.HoldFrozen {
			return nil
		}
		if err := patience.Try(ctx, func() error { return r.hold.Check(ctx, p.member, h) }); err != nil {
			h.State, h.Why = v1alpha1.HoldBroken, err.Error()
		}
		return nil
	})
	if err := patience.Try(ctx, func() error { return r.hold.Whole(ctx, p.member, own.Holds) }); err != nil {
		own.Unheld = err.Error()
	}
}

// interrupted says what is still held, before it is released: whoever interrupts again
// leaves it to the deadmen.
func (r *run) interrupted() {
	var held []string
	var last int64
	for _, p := range r.parts {
		if p.journal == nil {
			continue
		}
		for _, h := range p.own().Holds {
			if h.ArmedMillis != nil && r.isUnreleased(h) {
				held = append(held, fmt.Sprintf("%s: %s/%s", p.cluster.Name, h.Namespace, h.Name))
				last = max(last, *h.ArmedMillis+int64(h.TTLSeconds)*1000)
			}
		}
	}
	if len(held) > 0 {
		r.observer.Interrupted(held, time.Now().Add(millis(last-r.now())))
	}
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
