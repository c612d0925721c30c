package direct

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// establishWait bounds the wait for definitions that were applied to be served.
const establishWait = 30 * time.Second

// Idle is true if nothing is written and the set is as it is: the cluster needs
// no run.
func (p *Plan) Idle() bool {
	writes, _ := p.Counts()
	return writes == 0 && p.set.Journal.Phase == set.PhaseDone
}

// Prepare keeps in the cluster what a run will do there, before any cluster is
// changed: the run can be taken up from it. A set that somebody else was quicker to
// change is a *set.ChangedError, as in Lock: whom a lock was lost to may still write.
func (p *Plan) Prepare(ctx context.Context, run set.Run) error {
	if p.purpose == toResume {
		return nil
	}
	err := p.record(ctx, run)
	if errors.Is(err, state.ErrChanged) {
		return cmp.Or(p.set.Unchanged(ctx), err)
	}
	return err
}

// record writes the revision, and then the journal that names it.
func (p *Plan) record(ctx context.Context, run set.Run) error {
	journal := p.set.Journal
	journal.Revision++ // of what may have been begun nothing is overwritten
	journal.Run, journal.Phase, journal.Hub = run, set.PhasePending, p.options.Hub
	revision := p.revision(journal.Revision)
	for _, o := range revision.Objects {
		journal.Covers(o.GroupVersionKind().GroupKind(), o.GetNamespace())
	}
	if !p.set.Exists() { // so that no revision is kept of which nobody knows
		p.set.Journal = set.Journal{}
		if err := p.set.Save(ctx); err != nil {
			return err
		}
	}
	packed, err := p.options.Forms.pack(revision)
	if err != nil {
		return err
	}
	if err := p.set.Keep(ctx, revision.Number, packed); err != nil {
		return err
	}
	p.before, p.current = p.current, revision
	p.set.Journal = journal
	return p.set.Save(ctx)
}

// revision is what the plan makes of the cluster. What was found, and what was
// taken, is remembered as long as the object is in the set.
func (p *Plan) revision(number int) *set.Revision {
	journal := &p.set.Journal
	r := &set.Revision{Number: number, Base: journal.Base(), Previous: journal.Revision, Restores: p.restores, Objects: []*unstructured.Unstructured{}}
	for _, c := range p.Changes {
		ref := c.ref()
		switch c.Action {
		case ActionDelete:
			r.Dropped = append(r.Dropped, ref)
			continue
		case ActionRelease:
			r.Dropped = append(r.Dropped, ref)
		case ActionCreate, ActionUpdate, ActionApply, ActionUnchanged, ActionReschedule:
			r.Objects = append(r.Objects, c.Object.Unstructured)
		case ActionKeep:
			r.Kept = append(r.Kept, p.lastApplied(ref)...)
		}
		if c.live != nil && (p.current.IsFound(ref) || c.live.GetLabels()[set.PartOfLabel] == "") {
			r.Found = append(r.Found, ref)
		}
		if taken := cmp.Or(p.current.TakenOf(ref), c.taken); taken != nil {
			r.Taken = append(r.Taken, taken)
		}
	}
	return r
}

// Former are the revisions that the run which was prepared comes after, since the one
// that passed its gate last: something of each may be there still.
func (p *Plan) Former(ctx context.Context) ([]*set.Revision, error) { return p.set.Former(ctx) }

// lastApplied is an object as the set applied it last, if that is known.
func (p *Plan) lastApplied(ref set.Ref) []*unstructured.Unstructured {
	for _, o := range p.current.All() {
		if set.RefOf(o).Same(ref) {
			return []*unstructured.Unstructured{o}
		}
	}
	return nil
}

// Apply makes the changes. Whatever ends it, doing it again completes it. done
// hears of each change that was made, one at a time for each cluster.
func (p *Plan) Apply(ctx context.Context, done func(*Change)) error {
	return p.ApplyBut(ctx, func(*Change) bool { return false }, done)
}

// ApplyBut is Apply without some of what is deleted and released: that is left to
// Drop.
func (p *Plan) ApplyBut(ctx context.Context, later func(*Change) bool, done func(*Change)) error {
	p.set.Journal.Phase = set.PhaseApplying
	if err := p.set.Save(ctx); err != nil {
		return err
	}
	for at := range stages {
		if err := p.applyStage(ctx, at, done); err != nil {
			return err
		}
	}
	if err := p.Drop(ctx, func(c *Change) bool { return !later(c) }, done); err != nil {
		return err
	}
	p.set.Journal.Phase = set.PhaseGating
	return p.set.Save(ctx)
}

// Drop deletes and releases some of what the plan says, in the order that it was
// planned in.
func (p *Plan) Drop(ctx context.Context, which func(*Change) bool, done func(*Change)) error {
	for _, c := range p.Changes {
		if !c.Drops() || !which(c) {
			continue
		}
		if err := p.drop(ctx, c); err != nil {
			return &ObjectError{c.Object, err}
		}
		done(c)
	}
	return nil
}

// ApplyOnly applies some of the objects ahead of their turn, even those in which
// nothing was to change.
func (p *Plan) ApplyOnly(ctx context.Context, which func(*Change) bool) error {
	changes := slices.DeleteFunc(slices.Clone(p.Changes), func(c *Change) bool {
		return !which(c) || c.Action == ActionKeep || c.Drops()
	})
	return each(ctx, changes, func(ctx context.Context, c *Change) error {
		if err := p.apply(ctx, c); err != nil {
			return &ObjectError{c.Object, err}
		}
		return nil
	})
}

func (p *Plan) applyStage(ctx context.Context, at stage, done func(*Change)) error {
	var changes []*Change
	for _, c := range p.Changes {
		if c.stage() == at && (c.Action == ActionCreate || c.Action == ActionUpdate || c.Action == ActionApply) {
			changes = append(changes, c)
		}
	}
	var telling sync.Mutex
	err := each(ctx, changes, func(ctx context.Context, c *Change) error {
		if err := p.apply(ctx, c); err != nil {
			return &ObjectError{c.Object, err}
		}
		telling.Lock()
		defer telling.Unlock()
		done(c)
		return nil
	})
	if err != nil {
		return err
	}
	if at == stageDefinitions {
		return p.awaitEstablished(ctx, changes)
	}
	return nil
}

func (p *Plan) apply(ctx context.Context, c *Change) error {
	if c.Resource.Resource == "" { // its definition was applied a moment ago
		r, err := p.member.ResourceOf(ctx, c.Object.GroupVersionKind(), true)
		if err != nil {
			return err
		}
		c.Resource = r
	}
	err := p.write(ctx, c)
	if conflicts := conflictsOf(err); conflicts != nil {
		return conflicts
	}
	return err
}

// write applies an object. What becomes of a template is of interest in a hub alone:
// in other clusters the gate looks at all objects together.
func (p *Plan) write(ctx context.Context, c *Change) error {
	o := p.sent(c, false)
	if !p.options.Hub {
		return p.member.ApplyUnseen(ctx, c.Resource, c.Object.Unstructured, o)
	}
	after, err := p.member.Apply(ctx, c.Resource, c.Object.Unstructured, o)
	if err == nil {
		c.Became(after)
	}
	return err
}

// sent is how an object is sent.
func (p *Plan) sent(c *Change, dryRun bool) member.WriteOptions {
	return member.WriteOptions{DryRun: dryRun, Force: c.force, Body: p.options.Forms.encode(c.Object.Unstructured)}
}

// awaitEstablished waits until the definitions that were applied are served.
func (p *Plan) awaitEstablished(ctx context.Context, definitions []*Change) error {
	ctx, cancel := context.WithTimeoutCause(ctx, establishWait, errors.New("it is not established within "+establishWait.String()))
	defer cancel()
	for _, c := range definitions {
		for {
			live, err := p.member.Object(ctx, c.Resource, "", c.Object.GetName())
			if err == nil && isEstablished(live) {
				break
			}
			if err != nil && ctx.Err() == nil {
				return &ObjectError{c.Object, err}
			}
			select {
			case <-ctx.Done():
				return &ObjectError{c.Object, context.Cause(ctx)}
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return nil
}

func isEstablished(crd *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
	for _, one := range conditions {
		if condition, _ := one.(map[string]any); condition["type"] == "Established" {
			return condition["status"] == "True"
		}
	}
	return false
}

// drop deletes or releases.
func (p *Plan) drop(ctx context.Context, c *Change) error {
	switch c.Action {
	case ActionDelete:
		err := p.member.Delete(ctx, c.Resource, c.Object.GetNamespace(), c.Object.GetName(), c.live.GetUID(), member.WriteOptions{})
		if member.ReasonOf(err) == member.ReasonNotFound { // it, or with its definition all of its kind
			return nil
		}
		return err
	case ActionRelease:
		return p.release(ctx, c)
	case ActionCreate, ActionUpdate, ActionApply, ActionUnchanged, ActionReschedule, ActionKeep:
	}
	return nil
}

// release takes out of an object what the set put there, and gives back what it
// took. What a manager no longer applies goes, if no other has it (KEP-555).
func (p *Plan) release(ctx context.Context, c *Change) error {
	err := p.let(ctx, c)
	if err == nil {
		return nil
	}
	live, lookup := p.member.Object(ctx, c.Resource, c.Object.GetNamespace(), c.Object.GetName())
	if member.IsObjectNotFound(lookup) || lookup == nil && live.GetUID() != c.live.GetUID() {
		return nil // somebody has deleted it: what has its name now is not the set's
	}
	return err
}

// let releases the object that was planned for, and no other of its name: without
// its UID an apply would make it anew.
func (p *Plan) let(ctx context.Context, c *Change) error {
	if c.labelOnly {
		patch := map[string]any{"metadata": map[string]any{"labels": map[string]any{set.PartOfLabel: nil}}}
		return p.member.MergePatch(ctx, c.Resource, c.Object.GetNamespace(), c.Object.GetName(), c.live.GetUID(), patch)
	}
	wanted := cmp.Or(c.taken, c.Object.Unstructured).DeepCopy() // taken values stay, with us as their manager
	wanted.SetUID(c.live.GetUID())
	_, err := p.member.Apply(ctx, c.Resource, wanted, member.WriteOptions{Force: true})
	return err
}

// Cancel gives up a run that was prepared and not begun: the set is as it was, or
// is not there as it was not.
func (p *Plan) Cancel(ctx context.Context) error {
	journal := &p.set.Journal
	if journal.Phase != set.PhasePending {
		return nil // it was begun before it was taken up again
	}
	if p.current.Previous == 0 {
		p.set.Journal, p.current = set.Journal{}, nil
		return p.set.Delete(ctx)
	}
	dropped := journal.Revision
	if journal.Phase = set.PhaseApplying; p.current.Previous == journal.Done {
		journal.Phase = set.PhaseDone
	}
	journal.Revision, p.current = p.current.Previous, p.before
	if err := p.set.Save(ctx); err != nil {
		return err
	}
	return p.set.Drop(ctx, dropped)
}

// Finish says that the gate was passed.
func (p *Plan) Finish(ctx context.Context) error {
	p.set.Journal.Pass(p.current)
	if err := p.set.Save(ctx); err != nil {
		return err
	}
	return p.set.Tidy(ctx)
}

// Error makes a problem an error.
func (p *ObjectError) Error() string {
	return fmt.Sprintf("%s: %v", p.Object.What(), p.Err)
}

func (p *ObjectError) Unwrap() error { return p.Err }
