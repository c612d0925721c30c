package scale

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// awaited is why a run is paused in a cluster that has had no turn.
const awaited = "its turn has not come"

var (
	errRefused = errors.New("another cluster was refused")
	errStopped = errors.New("too many clusters failed before, or a removal went wrong in one")
)

// inTurn begins a run in every cluster, and then gives each its turn. Of several all
// remember the run before the first is changed, so that one that had no turn can be
// gone on with; unless none of them was changed at all. If one is refused, all are.
func inTurn(ctx context.Context, f Fleet, s Settings, o Order,
	begin func(context.Context, inventory.Cluster, *member.Member) (journal.Journal, error),
	do func(context.Context, inventory.Cluster, *member.Member, *journal.Run) error,
) fanout.Results[Outcome] {
	remember := func(ctx context.Context, store state.Store, c inventory.Cluster, phase journal.Phase, why string) (*journal.Run, error) {
		before, err := journal.Load(ctx, store)
		if err != nil {
			return nil, err
		}
		if err := mayBegin(before); err != nil {
			return before, err
		}
		j, err := begin(ctx, c, store.Member)
		if err != nil {
			return nil, err
		}
		j.Phase, j.Why = phase, why
		return journal.Begin(ctx, store, before, j)
	}
	outcome := func(j *journal.Run, err error) (Outcome, error) {
		if j == nil {
			return Outcome{}, err
		}
		return Outcome{Journal: j.Journal}, err
	}
	if len(f.Clusters) == 1 {
		return turns(ctx, f, o, func(ctx context.Context, c inventory.Cluster, m *member.Member) (Outcome, error) {
			return under(ctx, m, s, func(ctx context.Context, store state.Store) (Outcome, error) {
				j, err := remember(ctx, store, c, journal.Running, "")
				if err == nil {
					err = do(ctx, c, m, j)
				}
				return outcome(j, err)
			})
		})
	}
	begun := map[string]fanout.Result[Outcome]{}
	first := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (Outcome, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return Outcome{}, err
		}
		return under(ctx, m, s, func(ctx context.Context, store state.Store) (Outcome, error) {
			return outcome(remember(ctx, store, c, journal.Paused, awaited))
		})
	})
	for _, r := range first {
		begun[r.Cluster.Name] = r
	}
	if slices.ContainsFunc(first, func(r fanout.Result[Outcome]) bool { return IsRefused(r.Err) }) {
		for i := range first {
			if first[i].Err == nil {
				first[i].Err = &fanout.SkippedError{Cause: errRefused}
			}
		}
		giveUp(ctx, f, s, first)
		return first
	}
	results := turns(ctx, f, o, func(ctx context.Context, c inventory.Cluster, m *member.Member) (Outcome, error) {
		was := begun[c.Name]
		if was.Err != nil {
			return was.Value, was.Err
		}
		return under(ctx, m, s, func(ctx context.Context, store state.Store) (Outcome, error) {
			j, err := journal.Load(ctx, store)
			switch {
			case err != nil:
				return was.Value, err
			case j == nil || j.Run != was.Value.Journal.Run:
				return was.Value, state.ErrChanged
			}
			j.Phase, j.Why = journal.Running, ""
			if err := j.Save(ctx); err != nil {
				return was.Value, err
			}
			return outcome(j, do(ctx, c, m, j))
		})
	})
	for i := range results {
		if r := &results[i]; r.Value.Journal.Run == "" {
			r.Value = begun[r.Cluster.Name].Value
		}
	}
	if untouched(results) {
		giveUp(ctx, f, s, results)
	}
	return results
}

// untouched is true if no cluster was changed: each was refused, or had no turn since
// others were.
func untouched(results fanout.Results[Outcome]) bool {
	refused := false
	for _, r := range results {
		_, skipped := errors.AsType[*fanout.SkippedError](r.Err)
		switch {
		case IsRefused(r.Err):
			refused = true
		case !skipped:
			return false
		}
	}
	return refused
}

// IsRefused is true for the error of a cluster that was not changed.
func IsRefused(err error) bool {
	_, running := errors.AsType[*RunningError](err)
	_, stale := errors.AsType[*StaleError](err)
	return running || stale || IsTaken(err)
}

// giveUp ends the runs of clusters that have had no turn, and will have none.
func giveUp(ctx context.Context, f Fleet, s Settings, results fanout.Results[Outcome]) {
	awaiting := map[string]string{}
	f.Clusters = nil
	for _, r := range results {
		if j := r.Value.Journal; j.Phase == journal.Paused && j.Why == awaited {
			f.Clusters, awaiting[r.Cluster.Name] = append(f.Clusters, r.Cluster), j.Run
		}
	}
	ended := fanout.Collect(context.WithoutCancel(ctx), f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (Outcome, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return Outcome{}, err
		}
		return under(ctx, m, s, func(ctx context.Context, store state.Store) (Outcome, error) {
			j, err := journal.Load(ctx, store)
			if err != nil || j == nil || j.Run != awaiting[c.Name] {
				return Outcome{}, err
			}
			err = (&clusterRun{journal: j}).refuse(ctx, errRefused)
			return Outcome{Journal: j.Journal}, err
		})
	})
	for _, e := range ended {
		for i := range results {
			if r := &results[i]; e.Value.Journal.Run != "" && r.Cluster.Name == e.Cluster.Name { // else it stays, and says how it is
				r.Value = e.Value
			}
		}
	}
}

// turns gives every cluster its turn: the first alone, then some at once. A removal that went
// otherwise than it was asked for is no failure to put up with: it may go so in all of them.
func turns(ctx context.Context, f Fleet, o Order, turn func(context.Context, inventory.Cluster, *member.Member) (Outcome, error)) fanout.Results[Outcome] {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	failed := 0
	stop := make(chan struct{}) // closed when no further cluster has its turn
	halt := sync.OnceFunc(func() { close(stop) })
	one := func(ctx context.Context, c inventory.Cluster) (Outcome, error) {
		select {
		case <-stop:
			return Outcome{}, &fanout.SkippedError{Cause: errStopped}
		default:
		}
		m, err := f.Members.Member(ctx, c)
		var outcome Outcome
		if err == nil {
			outcome, err = turn(ctx, c, m)
		}
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed++
			if _, wrong := errors.AsType[*remove.WrongError](err); wrong || failed >= max(1, o.Failures) {
				halt()
			}
		}
		return outcome, err
	}
	options := f.Fanout
	options.Concurrency = max(1, o.Clusters)
	var results fanout.Results[Outcome]
	for _, part := range [][]inventory.Cluster{f.Clusters[:min(1, len(f.Clusters))], f.Clusters[min(1, len(f.Clusters)):]} {
		results = append(results, fanout.Collect(ctx, part, options, one)...)
	}
	return results
}

// under does work under the lock of a cluster. It ends with the lock, too.
func under(ctx context.Context, m *member.Member, s Settings, work func(context.Context, state.Store) (Outcome, error)) (Outcome, error) {
	store := state.Store{Member: m, Namespace: s.StateNamespace}
	if err := store.EnsureNamespace(ctx); err != nil {
		return Outcome{}, err
	}
	alive, lock, err := store.Acquire(ctx, journal.LockName, s.By)
	if err != nil {
		return Outcome{}, err
	}
	defer lock.Release(ctx)
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(alive, func() { cancel(context.Cause(alive)) })
	defer stop()
	return work(working, store)
}
