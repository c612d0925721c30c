package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// DefaultStateNamespace is where each target remembers its restores.
const DefaultStateNamespace = state.DefaultNamespace

// Settings are how a set is restored.
type Settings struct {
	StateNamespace string
	// Sync is how long Velero may take to see a backup of another cluster.
	Sync time.Duration
	// Upcoming: the backups are made once the targets have been looked at.
	Upcoming bool
	// Preview: nothing is changed after the look.
	Preview bool
	// Timeout is how long each stage of a member may take.
	Timeout time.Duration
}

// run is one run over its targets.
type run struct {
	fleet    Fleet
	settings Settings
	observer Observer
	began    time.Time
	targets  map[string]*place

	mu   sync.Mutex // of all that follows, and of every journal
	plan *v1alpha1.RestoreExecution
}

// place is one target of a run, under its lock.
type place struct {
	whole   *run
	cluster inventory.Cluster
	member  *member.Member
	store   state.Store
	journal *state.Journal
	lock    *state.Lock
	alive   context.Context //nolint:containedctx // it ends with the lock, and is no call's
	saving  sync.Mutex
}

// IsTakenOver is true for the error of a run that somebody else has gone on with.
func IsTakenOver(err error) bool {
	return errors.Is(err, state.ErrChanged) || errors.Is(err, state.ErrLockLost)
}

// IsLocked is true for the error of a run before which somebody else was at work in a
// target: nothing was changed.
func IsLocked(err error) bool {
	_, locked := errors.AsType[*state.LockedError](err)
	return locked
}

// TimeoutError is a member that something did not come of in time. What was begun goes
// on.
type TimeoutError struct {
	// What is waited for, such as Restore fr-1, or Deployment shop/till.
	What    string
	Timeout time.Duration
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("after %s: %s", e.Timeout, e.What) }

// Reason classifies the failure.
func (*TimeoutError) Reason() member.Reason { return member.ReasonTimeout }

// Adopt makes a plan go on where runs of the same intent have stopped, as the targets
// remember. It says whether there is one.
func Adopt(x *v1alpha1.RestoreExecution, sights []*Sight) bool {
	adopted := false
	for _, s := range sights {
		b := s.Before
		if b == nil || x.Spec.Purpose == v1alpha1.RestoreForDrill || b.Status.Phase != v1alpha1.RestoreRestoring || !sameIntent(x, b) || adopted && b.Name != x.Name {
			continue
		}
		if !adopted {
			x.Name, x.Status.Started, adopted = b.Name, b.Status.Started, true
		}
		for _, p := range b.Status.Members {
			if is := progressOf(x, p.Source); is == nil {
				x.Status.Members = append(x.Status.Members, p)
			} else if p.Phase != v1alpha1.RestoreWaiting {
				*is = p
			}
		}
	}
	return adopted
}

// Execute does what a plan says, wave by wave, and returns what has come of it. Each
// target remembers it, so that it can be gone on with. The error is one of the run:
// those of members are in its status, and in failures.
func Execute(ctx context.Context, f Fleet, x *v1alpha1.RestoreExecution, s Settings, o Observer) (*v1alpha1.RestoreExecution, []fanout.Failure, error) {
	r := &run{fleet: f, settings: s, observer: o, began: time.Now(), targets: map[string]*place{}, plan: x}
	if x.Status.Started.IsZero() {
		x.Status.Started = metav1.NewTime(r.began.Truncate(time.Second))
	}
	x.Status.Phase = v1alpha1.RestoreRestoring
	for _, m := range x.Spec.Members {
		if progressOf(x, m.Source) == nil {
			x.Status.Members = append(x.Status.Members, v1alpha1.RestoreProgress{
				Source: m.Source, Target: m.Target, Phase: v1alpha1.RestoreWaiting, Restore: v1alpha1.MemberRestore{Name: restoreName(x.Name, m.Source)},
			})
		}
	}
	defer r.release(ctx)
	if err := r.lock(ctx); err != nil {
		return x, nil, err
	}
	failures := map[string]error{}
	last := 0
	for _, m := range x.Spec.Members {
		last = max(last, m.Wave)
	}
	for wave := 1; wave <= last && ctx.Err() == nil; wave++ {
		r.wave(ctx, wave, failures)
	}
	if ctx.Err() != nil {
		return x, r.failed(failures), context.Cause(ctx)
	}
	return x, r.failed(failures), r.end(ctx)
}

// lock takes the lock of each target: that of the lowest UID first, then the others side
// by side (adr/0007). Then each remembers the run, before anything is changed.
func (r *run) lock(ctx context.Context) error {
	uids := map[string]types.UID{}
	for _, m := range r.plan.Spec.Members {
		uids[m.Target] = m.TargetUID
	}
	order := slices.SortedFunc(slices.Values(r.fleet.Clusters), byUID(uids))
	for _, turn := range [][]inventory.Cluster{order[:1], order[1:]} {
		f := r.fleet
		f.Clusters = turn
		if err := firstOf(each(ctx, f, r.begin)); err != nil {
			return err
		}
	}
	return nil
}

// begin takes the lock of one target, and makes it remember the run.
func (r *run) begin(ctx context.Context, c inventory.Cluster, m *member.Member) (struct{}, error) {
	t := &place{whole: r, cluster: c, member: m, store: storeOf(m, r.settings)}
	if err := t.store.EnsureNamespace(ctx); err != nil {
		return struct{}{}, err
	}
	var err error
	if t.alive, t.lock, err = t.store.Acquire(ctx, lockName, r.plan.Spec.By); err != nil {
		return struct{}{}, err
	}
	r.mu.Lock()
	r.targets[c.Name] = t
	r.mu.Unlock()
	if t.journal, err = t.store.Journal(ctx, recordName(r.plan)); err != nil {
		return struct{}{}, err
	}
	if t.journal == nil {
		t.journal = t.store.NewJournal(recordName(r.plan), map[string]string{setLabel: r.plan.Spec.Set})
	}
	return struct{}{}, t.save(ctx)
}

// firstOf is the first error, with its cluster.
func firstOf[T any](results fanout.Results[T]) error {
	for _, result := range results {
		if result.Err != nil {
			return fmt.Errorf("%s: %w", result.Cluster.Name, result.Err)
		}
	}
	return nil
}

// save writes what the run has come to.
func (t *place) save(ctx context.Context) error {
	t.saving.Lock()
	defer t.saving.Unlock()
	t.whole.mu.Lock()
	is := copyOf(t.whole.plan)
	t.whole.mu.Unlock()
	return t.journal.Save(ctx, kept{Schema: recordSchema, Execution: is})
}

// release gives all locks back.
func (r *run) release(ctx context.Context) {
	var wait sync.WaitGroup
	for _, t := range r.targets {
		wait.Go(func() { t.lock.Release(ctx) })
	}
	wait.Wait()
}

// under is a context that ends with the lock of a target, too.
func (t *place) under(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(t.alive, func() { cancel(context.Cause(t.alive)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// wave restores the members whose turn it is, side by side.
func (r *run) wave(ctx context.Context, number int, failures map[string]error) {
	var parts []*v1alpha1.RestoreMember
	for i := range r.plan.Spec.Members {
		if m := &r.plan.Spec.Members[i]; m.Wave == number {
			parts = append(parts, m)
		}
	}
	f := r.fleet
	f.Clusters = slices.DeleteFunc(slices.Clone(f.Clusters), func(c inventory.Cluster) bool {
		return !slices.ContainsFunc(parts, func(m *v1alpha1.RestoreMember) bool { return m.Target == c.Name })
	})
	for _, result := range each(ctx, f, func(ctx context.Context, c inventory.Cluster, _ *member.Member) (map[string]error, error) {
		t := r.targets[c.Name]
		ctx, done := t.under(ctx)
		defer done()
		var mu sync.Mutex
		failed := map[string]error{}
		var wait sync.WaitGroup
		for _, part := range parts {
			if part.Target != c.Name {
				continue
			}
			wait.Go(func() {
				err := (&one{place: t, part: part, progress: progressOf(r.plan, part.Source)}).run(ctx)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					failed[part.Source] = err
				}
			})
		}
		wait.Wait()
		return failed, nil
	}) {
		maps.Copy(failures, result.Value)
		if result.Err != nil { // of the fan-out itself
			for _, m := range parts {
				if m.Target == result.Cluster.Name && failures[m.Source] == nil {
					failures[m.Source] = result.Err
				}
			}
		}
	}
}

// failed are the failures, in the order of the members. They are of members, and named
// so.
func (r *run) failed(failures map[string]error) []fanout.Failure {
	var list []fanout.Failure
	for _, m := range r.plan.Spec.Members {
		if err := failures[m.Source]; err != nil {
			list = append(list, fanout.Failure{Cluster: m.Target, Err: err})
		}
	}
	return list
}

// end says in every target what the run has come to.
func (r *run) end(ctx context.Context) error {
	r.mu.Lock()
	s := &r.plan.Status
	s.Phase, s.Ended = v1alpha1.RestoreReady, metav1.NewTime(time.Now().Truncate(time.Second))
	for _, p := range s.Members {
		switch p.Phase {
		case v1alpha1.RestoreReady:
		case v1alpha1.RestoreFailed, v1alpha1.RestoreSkipped:
			if s.Phase == v1alpha1.RestoreReady {
				s.Phase = v1alpha1.RestoreFailed
			}
		case v1alpha1.RestoreWaiting, v1alpha1.RestoreRestoring, v1alpha1.RestoreStarting, v1alpha1.RestoreProbing: // out of time
			s.Phase, s.Ended = v1alpha1.RestoreRestoring, metav1.Time{}
		}
	}
	if s.Phase == v1alpha1.RestoreReady {
		took := time.Since(r.began)
		if whole := time.Since(s.Started.Time); whole-took > 2*time.Second { // it was gone on with
			took = whole
		}
		s.RTOMillis = new(took.Milliseconds())
	}
	s.CanaryMatches = canaryMatches(r.plan)
	r.mu.Unlock()
	var all []error
	for _, t := range r.targets {
		if err := t.save(ctx); err != nil {
			all = append(all, fmt.Errorf("%s: %w", t.cluster.Name, err))
		}
	}
	return errors.Join(all...)
}
