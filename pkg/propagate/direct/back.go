package direct

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// NoSetError is a set that a cluster does not have.
type NoSetError struct{ Name string }

func (e *NoSetError) Error() string { return fmt.Sprintf("there is no set %s", e.Name) }

// Reason classifies the failure.
func (*NoSetError) Reason() member.Reason { return member.ReasonNotFound }

// PlanRollback plans to bring a cluster back to a revision; to 0 means to the one
// that had passed its gate before what is applied now. What the set has made since
// is deleted, what it changed is as it was, and what it took is given back.
//
// Where runs did not end, only they are taken back: a cluster that has nothing of
// them stays as it is. Of those runs a rollback is gone on with: to what is applied
// now it would otherwise be brought forth again. A healthy set that has no revision
// before is not taken away: that is PlanWithdraw's.
//
// unfinished are the runs that did not end, by ID; nil where a run takes itself back.
func PlanRollback(ctx context.Context, m *member.Member, o Options, to int, unfinished map[string]bool) (*Plan, error) {
	s, err := set.Load(ctx, state.Store{Member: m, Namespace: o.StateNamespace}, o.Set)
	if err != nil {
		return nil, err
	}
	if s.Journal.Revision == 0 {
		return nil, &NoSetError{o.Set}
	}
	if err := suits(m, s, o); err != nil {
		return nil, err
	}
	current, err := s.Revision(ctx, s.Journal.Revision)
	if err != nil {
		return nil, err
	}
	if current == nil {
		return nil, refused("revision %d of set %s is not kept any more", s.Journal.Revision, o.Set)
	}
	first := to == 0
	// Only what the set has made since: what was left before stays left.
	o.pruneOnly = func(ref set.Ref) bool { return current.ObjectOf(ref) != nil }
	switch {
	case first && current.Restores != nil && unfinished[s.Journal.Run.ID]:
		to = *current.Restores
		o.pruneOnly = current.IsDropped
	case first && len(unfinished) > 0 && !unfinished[s.Journal.Run.ID]:
		first, to = false, s.Journal.Revision
	case first:
		to = current.Base
	}
	target, err := s.Revision(ctx, to)
	if err != nil {
		return nil, err
	}
	// A run is taken back to what was before it, be that the same; to go back from what
	// is healthy means to something else.
	healthy := unfinished != nil && s.Journal.Phase == set.PhaseDone && !unfinished[s.Journal.Run.ID]
	for first && healthy && target != nil && target.Equal(current) {
		to = target.Base
		if target, err = s.Revision(ctx, to); err != nil {
			return nil, err
		}
	}
	switch nowhere := first && healthy && target == nil && len(current.Objects) > 0; {
	case nowhere && current.Base != 0:
		return nil, refused("all that is kept of set %[1]s (revisions %[2]s) is the same as what is applied: withdraw %[1]s takes the set away", o.Set, s.Kept(ctx))
	case nowhere:
		return nil, refused("there is no revision of set %[1]s before what is applied: withdraw %[1]s takes the set away", o.Set)
	case target == nil && (!first || to != 0):
		return nil, refused("revision %d of set %s is not kept: there are %s", to, o.Set, s.Kept(ctx))
	}
	o.Prune, o.TakeOver = true, true
	var objects []manifest.Object
	if target != nil {
		for _, object := range target.All() {
			objects = append(objects, manifest.Object{
				Unstructured: withTaken(object, current.TakenOf(set.RefOf(object))),
				Origin:       manifest.Origin{Source: fmt.Sprintf("revision %d", to)},
			})
		}
	}
	o.ForceConflicts = len(current.Taken) > 0 || o.ForceConflicts
	plan, err := PlanCluster(ctx, m, objects, o)
	if err != nil {
		return nil, err
	}
	plan.restores = &to
	return plan, nil
}

// Restores is the revision that the plan brings back; 0 is what was there before
// the set. It is nil for a plan that brings something new.
func (p *Plan) Restores() *int { return p.restores }

// Restored is the revision that this one has brought back; nil if it brought something
// new, or that is not known.
func (p *Plan) Restored() *int {
	if p.current == nil {
		return nil
	}
	return p.current.Restores
}

// LastRun is what a cluster remembers of the last run of a set. It has ended if
// the cluster is through with it, and its lock was given back.
func LastRun(ctx context.Context, m *member.Member, o Options) (journal set.Journal, ended bool, err error) {
	store := state.Store{Member: m, Namespace: o.StateNamespace}
	s, err := set.Load(ctx, store, o.Set)
	if err != nil || !s.Exists() {
		return journal, true, err
	}
	locked, err := store.IsLocked(ctx, lockOf(o.Set))
	return s.Journal, s.Journal.Phase == set.PhaseDone && !locked, err
}

// PlanBack plans to bring the plan's cluster back to before its run. What is another's
// run by now is a *set.ChangedError.
func (p *Plan) PlanBack(ctx context.Context) (*Plan, error) {
	plan, err := PlanRollback(ctx, p.member, p.options, 0, nil)
	if err != nil {
		return nil, err
	}
	if last := plan.set.Journal.Run; last.ID != p.set.Journal.Run.ID {
		return nil, &set.ChangedError{Name: p.options.Set, By: last.By}
	}
	return plan, nil
}

// withTaken is an object with the values that the set had taken in those fields
// that the object itself does not set.
func withTaken(object, taken *unstructured.Unstructured) *unstructured.Unstructured {
	if taken == nil {
		return object
	}
	return &unstructured.Unstructured{Object: overlay(taken.Object, object.Object)}
}

// overlay is base with the fields of top in it. Lists are whole.
func overlay(base, top map[string]any) map[string]any {
	merged := make(map[string]any, len(base)+len(top))
	maps.Copy(merged, base)
	for name, value := range top {
		under, isMap := merged[name].(map[string]any)
		if over, isMapToo := value.(map[string]any); isMap && isMapToo {
			value = overlay(under, over)
		}
		merged[name] = value
	}
	return merged
}

// PlanWithdraw plans to take all of a set out of a cluster.
func PlanWithdraw(ctx context.Context, m *member.Member, o Options) (*Plan, error) {
	o.Prune = true
	plan, err := planCluster(ctx, m, nil, o, toForget)
	if err != nil {
		return nil, err
	}
	if !plan.set.Exists() && !plan.locked { // with a lock it was all but withdrawn
		return nil, &NoSetError{o.Set}
	}
	for _, c := range plan.Changes {
		if c.Action == ActionKeep && c.live.GetDeletionTimestamp() == nil {
			c.Action, c.labelOnly = ActionRelease, true
			c.Why = "it stays, and is of no set any more; " + c.Why
		}
	}
	return plan, nil
}

// Withdraw makes the changes of PlanWithdraw and forgets the set.
func (p *Plan) Withdraw(ctx context.Context, within time.Duration) error {
	if err := p.DropOnly(ctx, within, func(*Change) bool { return true }); err != nil {
		return err
	}
	return p.Forget(ctx)
}

// DropOnly deletes and releases some of what the plan says, and waits until what
// is deleted is gone.
func (p *Plan) DropOnly(ctx context.Context, within time.Duration, which func(*Change) bool) error {
	if err := p.Drop(ctx, which, func(*Change) {}); err != nil {
		return err
	}
	deleted := map[types.UID]bool{}
	for _, c := range p.Changes {
		if which(c) && c.Action == ActionDelete {
			deleted[c.live.GetUID()] = true
		}
	}
	return AwaitGone(ctx, within, func(ctx context.Context) (left []*unstructured.Unstructured, err error) {
		members, err := (&planner{Plan: p}).members(ctx)
		for i := range members {
			if deleted[members[i].GetUID()] {
				left = append(left, &members[i].Unstructured)
			}
		}
		return left, err
	})
}

// Forget deletes what the cluster remembers of the set.
func (p *Plan) Forget(ctx context.Context) error { return p.set.Delete(ctx) }

// PartOf is the value of the label that the set's objects have.
func (p *Plan) PartOf() string { return p.set.PartOf() }

// NotGoneError is that something was deleted, and is there still.
type NotGoneError struct {
	// After is the time that ran out.
	After time.Duration
	// Left are the objects, each with what holds it.
	Left []string
}

func (e *NotGoneError) Error() string {
	return fmt.Sprintf("deleted, and not gone within %s: %s", e.After, strings.Join(e.Left, "; "))
}

// Reason classifies the failure.
func (*NotGoneError) Reason() member.Reason { return member.ReasonTimeout }

// TimedOut is true: it goes on.
func (*NotGoneError) TimedOut() bool { return true }

// AwaitGone waits until list finds nothing any more of what was deleted: finalizers
// take their time. Be it over, it is a *NotGoneError.
func AwaitGone(ctx context.Context, within time.Duration, list func(context.Context) ([]*unstructured.Unstructured, error)) error {
	for began := time.Now(); ; {
		objects, err := list(ctx)
		if err != nil {
			return err
		}
		if len(objects) == 0 {
			return nil
		}
		if time.Since(began) > within {
			gone := &NotGoneError{After: within}
			for _, o := range objects {
				text := set.RefOf(o).String()
				if held := o.GetFinalizers(); len(held) > 0 {
					text += ", held by the finalizer " + strings.Join(held, ", ")
				}
				gone.Left = append(gone.Left, text)
			}
			return gone
		}
		if err := pause(ctx, firstLook); err != nil {
			return err
		}
	}
}
