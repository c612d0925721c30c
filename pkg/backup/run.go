// Package backup makes one recovery point of an application that spans clusters, by
// the Velero of each. It prints nothing, and asks nobody but the clusters.
package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/clock"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/quiesce"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// DefaultStateNamespace is where each cluster remembers its sets.
const DefaultStateNamespace = state.DefaultNamespace

// Fleet is the clusters that are worked on.
type Fleet struct {
	Clusters []inventory.Cluster
	Members  *member.Pool
	Fanout   fanout.Options
}

// Settings are how a set is made.
type Settings struct {
	StateNamespace string
	// By is who does it, as USER@HOST, and Version with which plugin.
	By, Version string
	// Timeout is how long Velero may take once nothing is held any more.
	Timeout time.Duration
	// NoDeadman allows holds that only we, or recover, can end.
	NoDeadman bool
	// Detach ends when everything is released, and leaves the rest to recover.
	Detach bool
	Clock  *clock.Clock
}

// Observer hears how a run goes on, from several goroutines at once.
type Observer interface {
	// Locked: who began the run has the lock of a member still, or was killed: whether they
	// renew it is waited for.
	Locked(cluster string)
	// Freezing: holds of a member are about to be armed and frozen.
	Freezing(cluster string)
	// Frozen: all holds of a member are still.
	Frozen(cluster string, holds int, took time.Duration)
	// Barrier: everything is still.
	Barrier(width time.Duration)
	// Cut: a member's cut is known to be over.
	Cut(cluster string, took time.Duration)
	// Released: no hold of a member is left.
	Released(cluster string, took time.Duration)
	// Backup: Velero has come on with a Backup.
	Backup(cluster string, b v1alpha1.MemberBackup)
	// Interrupted: these are being released, and their deadmen do it if we do not, the
	// last at that time.
	Interrupted(holds []string, deadline time.Time)
	// Standstill: Velero does not come to a Backup, whatever time passes.
	Standstill(cluster string, why *velero.StandstillError)
	// Lost: a member is not in the set.
	Lost(cluster string, why error)
}

// AttentionError is something that a person must see to: what may be held still.
type AttentionError struct {
	Holds []Unreleased
	Err   error
}

func (e *AttentionError) Error() string {
	names := make([]string, len(e.Holds))
	for i, h := range e.Holds {
		names[i] = h.Name()
	}
	return fmt.Sprintf("%s may still be frozen: %v", strings.Join(names, ", "), e.Err)
}

func (e *AttentionError) Unwrap() error { return e.Err }

// Reason classifies the failure.
func (*AttentionError) Reason() member.Reason { return member.ReasonUnhealthy }

// Unreleased is a hold that is not known to be released.
type Unreleased struct {
	Cluster inventory.Cluster
	Hold    v1alpha1.Hold
	// Action is what it is of, and has the command or the change that releases it.
	Action v1alpha1.QuiesceAction
	// Deadline is when its deadman releases it at the latest; zero if it has none, or if
	// another process armed it.
	Deadline time.Time
}

// Name is such as "east: shop/till-0".
func (u *Unreleased) Name() string {
	return fmt.Sprintf("%s: %s/%s", u.Cluster.Name, u.Hold.Namespace, u.Hold.Name)
}

// AbortedError is a run that came to no set. Nothing is held still.
type AbortedError struct {
	Err error
	// Untold are clusters that remember the run as one that goes on: they could not be told.
	Untold []string
}

func (e *AbortedError) Error() string {
	return fmt.Sprintf("there is no set, and everything was released: %v", e.Err)
}

func (e *AbortedError) Unwrap() error { return e.Err }

// TimeoutError is a set whose Backups go on.
type TimeoutError struct {
	Set     string
	Timeout time.Duration
	// Are is how those are that have not ended, such as "east: Queued".
	Are []string
}

func (e *TimeoutError) Error() string {
	are := ""
	if len(e.Are) > 0 {
		are = " (" + strings.Join(e.Are, ", ") + ")"
	}
	return fmt.Sprintf("the Backups of %s have not ended within %s%s; they go on by themselves", e.Set, e.Timeout, are)
}

// Reason classifies the failure.
func (*TimeoutError) Reason() member.Reason { return member.ReasonTimeout }

// part is one member of a run.
type part struct {
	cluster  inventory.Cluster
	uid      types.UID
	member   *member.Member
	store    state.Store
	velero   velero.Server
	backup   velerov1.BackupSpec
	required bool

	journal *set.Journal
	lock    *state.Lock
	// alive gives a context that ends with the lock, too.
	alive func(context.Context) (context.Context, func())
	// lost is why it is not in the set; nil while it is.
	lost error
}

// own is the member's entry in its journal.
func (p *part) own() *v1alpha1.MemberExecution { return p.journal.Own() }

// run is one run over its members.
type run struct {
	set      string
	policy   *v1alpha1.BackupSchedule
	settings Settings
	observer Observer
	hold     quiesce.Run
	parts    []*part
	// waited is what the cut has taken of the timeout, where nothing was held.
	waited time.Duration
	// others: it was begun by another process, which may have done more than it wrote down.
	others bool
}

// live are the members that are not lost.
func (r *run) live() []*part {
	return slices.DeleteFunc(slices.Clone(r.parts), func(p *part) bool { return p.lost != nil })
}

// each does work in some members at the same time, all of them: a barrier waits for
// nobody's turn. A member whose work fails is lost.
func (r *run) each(ctx context.Context, parts []*part, work func(context.Context, *part) error) {
	byName := make(map[string]*part, len(parts))
	clusters := make([]inventory.Cluster, len(parts))
	for i, p := range parts {
		byName[p.cluster.Name], clusters[i] = p, p.cluster
	}
	options := fanout.Options{Concurrency: len(parts)}
	for _, result := range fanout.Collect(ctx, clusters, options, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
		p := byName[c.Name]
		if p.alive != nil {
			alive, end := p.alive(ctx)
			defer end()
			ctx = alive
		}
		err := work(ctx, p)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return struct{}{}, err
	}) {
		if p := byName[result.Cluster.Name]; result.Err != nil && p.lost == nil {
			p.lost = result.Err
			r.observer.Lost(p.cluster.Name, result.Err)
		}
	}
}

// now is the run's clock.
func (r *run) now() int64 { return r.settings.Clock.Now() }

// requiredLost is why there can be no set; nil if there can.
func (r *run) requiredLost() error {
	var all []error
	for _, p := range r.parts {
		if p.lost != nil && p.required {
			all = append(all, fmt.Errorf("%s: %w", p.cluster.Name, p.lost))
		}
	}
	return errors.Join(all...)
}

// lock takes the locks of all members: the first in the order of their UIDs before the
// others, so that of two runs one is refused there; the others side by side, since who
// was killed has left one in each, and each is waited for until it counts as dead.
func (r *run) lock(ctx context.Context) error {
	ordered := r.live()
	slices.SortFunc(ordered, func(a, b *part) int { return strings.Compare(string(a.uid), string(b.uid)) })
	for _, some := range [][]*part{ordered[:min(1, len(ordered))], ordered[min(1, len(ordered)):]} {
		errs := make([]error, len(some))
		var group sync.WaitGroup
		for i, p := range some {
			group.Go(func() { errs[i] = r.lockOne(ctx, p) })
		}
		group.Wait()
		for i, p := range some {
			_, locked := errors.AsType[*state.LockedError](errs[i])
			switch {
			case errs[i] == nil:
			case locked || p.required || ctx.Err() != nil:
				return fmt.Errorf("%s: %w", p.cluster.Name, errs[i])
			default:
				p.lost = errs[i]
				r.observer.Lost(p.cluster.Name, errs[i])
			}
		}
	}
	return nil
}

func (r *run) lockOne(ctx context.Context, p *part) error {
	if err := p.store.EnsureNamespace(ctx); err != nil {
		return err
	}
	name := lockName(r.policy.Name)
	if r.others {
		if locked, err := p.store.IsLocked(ctx, name); err == nil && locked {
			r.observer.Locked(p.cluster.Name)
		}
	}
	held, lock, err := p.store.Acquire(ctx, name, r.settings.By)
	if err != nil {
		return err
	}
	p.lock = lock
	p.alive = func(ctx context.Context) (context.Context, func()) {
		working, cancel := context.WithCancelCause(ctx)
		stop := context.AfterFunc(held, func() { cancel(context.Cause(held)) })
		return working, func() { stop(); cancel(nil) }
	}
	return nil
}

// unlock gives the locks back.
func (r *run) unlock(ctx context.Context) {
	var group sync.WaitGroup
	for _, p := range r.parts {
		if p.lock != nil {
			group.Go(func() { p.lock.Release(ctx) })
		}
	}
	group.Wait()
}

func lockName(policy string) string { return "backup." + policy }

// save writes the journals of some members at once, and returns those that did not take it.
func (r *run) save(ctx context.Context, parts []*part, phase v1alpha1.BackupPhase) (untold []string) {
	var mu sync.Mutex
	r.each(ctx, parts, func(ctx context.Context, p *part) error {
		p.journal.Status.Phase = phase
		err := p.journal.Save(ctx)
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			untold = append(untold, p.cluster.Name)
		}
		return err
	})
	slices.Sort(untold)
	return untold
}
