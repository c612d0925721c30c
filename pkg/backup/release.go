package backup

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
)

// straggling is how long the members wait for one another between two waves of a
// release. One that does not answer is not what keeps the others frozen.
const straggling = 5 * time.Second

// release ends every hold of some members that it has not ended yet, in reverse waves.
// Nothing keeps it from that, Ctrl-C neither; it takes no longer than the last deadman.
func (r *run) release(ctx context.Context, parts []*part) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), policy.TTL(r.policy))
	defer cancel()
	members := slices.DeleteFunc(slices.Clone(parts), func(p *part) bool {
		return p.journal == nil || !slices.ContainsFunc(p.own().Holds, r.isUnreleased)
	})
	began := r.now()
	for _, p := range members {
		if at := &p.own().Instants; at.Release == nil {
			at.Release = new(began)
		}
	}
	waves := make([]wave, len(r.policy.Spec.Quiesce))
	for i := range waves {
		waves[i] = wave{left: len(members), over: make(chan struct{})}
	}
	failures := make([]*AttentionError, len(members))
	var group sync.WaitGroup
	for i, p := range members {
		group.Go(func() {
			failures[i] = r.releaseOne(ctx, p, waves)
			p.own().Instants.Released = new(r.now())
			if failures[i].Err == nil {
				r.observer.Released(p.cluster.Name, millis(*p.own().Instants.Released-began))
			}
		})
	}
	group.Wait()
	attention := &AttentionError{}
	for _, f := range failures {
		attention.Holds = append(attention.Holds, f.Holds...)
		attention.Err = errors.Join(attention.Err, f.Err)
	}
	if attention.Err == nil {
		return nil
	}
	return attention
}

// wave is one wave of a release, over all members.
type wave struct {
	mu   sync.Mutex
	left int
	over chan struct{}
}

// done says that one member more is through, and waits for the others, for a while.
func (w *wave) done() {
	w.mu.Lock()
	w.left--
	if w.left == 0 {
		close(w.over)
	}
	w.mu.Unlock()
	select {
	case <-w.over:
	case <-time.After(straggling):
	}
}

// releaseOne ends the holds of one member, and says which it is not certain of.
func (r *run) releaseOne(ctx context.Context, p *part, waves []wave) *AttentionError {
	uncertain := &AttentionError{}
	var mu sync.Mutex
	for number := range slices.Backward(waves) {
		_ = all(holdsOf(p, number), func(h *v1alpha1.Hold) error {
			if !r.isUnreleased(*h) {
				return nil
			}
			broken, why := h.State == v1alpha1.HoldBroken, h.Why
			err := r.hold.Release(ctx, p.member, h)
			if broken { // a release does not mend what was not still before
				h.State, h.Why = v1alpha1.HoldBroken, why
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				uncertain.Holds = append(uncertain.Holds, r.unreleased(p, *h))
				uncertain.Err = errors.Join(uncertain.Err, err)
			}
			return nil
		})
		waves[number].done()
	}
	slices.SortFunc(uncertain.Holds, func(a, b Unreleased) int { return cmp.Compare(a.Name(), b.Name()) })
	return uncertain
}

// unreleased is what is known of a hold that could not be released.
func (r *run) unreleased(p *part, h v1alpha1.Hold) Unreleased {
	u := Unreleased{Cluster: p.cluster, Hold: h, Action: r.policy.Spec.Quiesce[h.Wave].Actions[h.Action]}
	if h.ArmedMillis != nil && h.TTLSeconds > 0 && !r.others {
		u.Deadline = time.Now().Add(millis(*h.ArmedMillis + int64(h.TTLSeconds)*1000 - r.now()))
	}
	return u
}

// isUnreleased is true for a hold that may still hold something. Of its own holds a run
// knows which it has never asked for; of those of another process it does not.
func (r *run) isUnreleased(h v1alpha1.Hold) bool {
	return h.State != v1alpha1.HoldReleased && (r.others || h.ArmedMillis != nil)
}
