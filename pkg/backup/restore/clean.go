package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// LeftError is a drill that has left something in a target, for a person to see to.
type LeftError struct {
	// What is left, such as namespace shop-drill.
	What string
	Err  error
}

func (e *LeftError) Error() string { return fmt.Sprintf("%s is left: %v", e.What, e.Err) }

func (e *LeftError) Unwrap() error { return e.Err }

// Reason classifies the failure.
func (*LeftError) Reason() member.Reason { return member.ReasonUnhealthy }

// Clean deletes in each target what the last drill of a set has made there: no more, and
// all of it. The names are those of what it has deleted.
func Clean(ctx context.Context, f Fleet, set, by string, s Settings, o Observer) fanout.Results[[]string] {
	x := &v1alpha1.RestoreExecution{Spec: v1alpha1.RestoreExecutionSpec{Set: set, Purpose: v1alpha1.RestoreForDrill}}
	return each(ctx, f, func(ctx context.Context, c inventory.Cluster, m *member.Member) ([]string, error) {
		store := storeOf(m, s)
		before, err := remembered(ctx, store, x)
		if err != nil || before == nil || before.Status.Cleaned {
			return nil, err
		}
		alive, lock, err := store.Acquire(ctx, lockName, by)
		if err != nil {
			return nil, err
		}
		defer lock.Release(ctx)
		ctx, done := (&place{alive: alive}).under(ctx)
		defer done()
		ctx, cancel := context.WithTimeout(ctx, s.Timeout)
		defer cancel()
		return clean(ctx, store, x, c, o)
	})
}

// clean does it in one target, under its lock.
func clean(ctx context.Context, store state.Store, x *v1alpha1.RestoreExecution, c inventory.Cluster, o Observer) ([]string, error) {
	identity, err := store.Member.Identity(ctx)
	if err != nil {
		return nil, err
	}
	journal, err := store.Journal(ctx, recordName(x))
	if err != nil || journal == nil {
		return nil, err
	}
	var value kept
	if err := journal.Decode(&value); err != nil {
		return nil, err
	}
	w := &cleaner{member: store.Member, cluster: c.Name, plan: &value.Execution, observer: o}
	for i := range value.Execution.Spec.Members {
		if part := &value.Execution.Spec.Members[i]; part.TargetUID == types.UID(identity.UID) {
			if err := w.part(ctx, part); err != nil {
				return w.deleted, err
			}
		}
	}
	value.Execution.Status.Cleaned = true
	return w.deleted, journal.Save(ctx, value)
}

// cleaner deletes what a drill has made in one target.
type cleaner struct {
	member   *member.Member
	cluster  string
	plan     *v1alpha1.RestoreExecution
	observer Observer
	deleted  []string
}

// part deletes what one Restore has made, and the Restore.
func (w *cleaner) part(ctx context.Context, part *v1alpha1.RestoreMember) error {
	server := serverOf(w.member, part)
	name := restoreName(w.plan.Name, part.Source)
	restore, err := server.AwaitRestore(ctx, name, func(r *velerov1.Restore) bool { return velero.IsRestoreTerminal(r.Status.Phase) }, func(r *velerov1.Restore) {
		if !velero.IsRestoreTerminal(r.Status.Phase) {
			w.observer.Waits(w.cluster, fmt.Sprintf("Restore %s is %s: Velero must end it before it can be cleaned up", name, orNew(r.Status.Phase)))
		}
	})
	if gone, is := errors.AsType[*velero.GoneError](err); is && restore == nil {
		return nil // it was never asked for, or all is cleaned
	} else if is {
		return &LeftError{"what " + gone.Name + " has made", err}
	}
	if err != nil {
		return &LeftError{"Restore " + name, err}
	}
	for _, from := range part.Namespaces {
		if err := w.namespace(ctx, inTarget(&w.plan.Spec, from), restore); err != nil {
			return err
		}
	}
	if err := w.others(ctx, restore); err != nil {
		return err
	}
	if err := patience.Try(ctx, func() error { return server.DeleteRestore(ctx, name, restore.UID) }); err != nil {
		return &LeftError{"Restore " + name, err}
	}
	if err := w.gone(ctx, server, restore); err != nil {
		return &LeftError{"Restore " + name, err}
	}
	w.deleted = append(w.deleted, "Restore "+name)
	return nil
}

// letGo is how long Velero may take to delete what the object store has of a Restore.
const letGo = time.Minute

// gone waits until a deleted Restore is: Velero holds it back until the object store has
// nothing of it any more (its ExternalResourcesFinalizer).
func (w *cleaner) gone(ctx context.Context, server velero.Server, r *velerov1.Restore) error {
	ctx, cancel := context.WithTimeoutCause(ctx, letGo, fmt.Errorf("after %s Velero still deletes what the object store has of it", letGo))
	defer cancel()
	w.observer.Waits(w.cluster, "Restore "+r.Name+" to be gone")
	_, err := server.AwaitRestore(ctx, r.Name, func(now *velerov1.Restore) bool { return now.UID != r.UID }, nil)
	if _, gone := errors.AsType[*velero.GoneError](err); gone {
		return nil
	}
	return err
}

// isOf is true for what was made after a Restore was asked for: both times are the API
// server's. What was there before is not the drill's, whatever labels it has.
func isOf(o metav1.Object, r *velerov1.Restore) bool {
	made := o.GetCreationTimestamp()
	return !made.Before(&r.CreationTimestamp)
}

// namespace deletes a namespace that a Restore has made, and waits until it is gone.
func (w *cleaner) namespace(ctx context.Context, name string, r *velerov1.Restore) error {
	namespaces := coreResource("namespaces", "Namespace", false)
	what := "namespace " + name
	for {
		is, err := w.member.Object(ctx, namespaces, "", name)
		switch {
		case member.IsObjectNotFound(err):
			return nil
		case err != nil && member.IsAway(err) && ctx.Err() == nil:
		case err != nil:
			return &LeftError{what, err}
		case !isOf(is, r):
			return nil
		case is.GetDeletionTimestamp() == nil:
			err := w.member.Delete(ctx, namespaces, "", name, is.GetUID(), member.WriteOptions{})
			if err != nil && !member.IsObjectNotFound(err) && !member.IsAway(err) {
				return &LeftError{what, err}
			}
			w.deleted = append(w.deleted, what)
			w.observer.Waits(w.cluster, what+" to be gone")
		}
		if err := pause(ctx, readyLook); err != nil {
			return &LeftError{what, err}
		}
	}
}

// others deletes what a Restore has made outside of namespaces.
func (w *cleaner) others(ctx context.Context, r *velerov1.Restore) error {
	types, err := velero.Types(ctx, w.member)
	if err != nil {
		return &LeftError{"what Restore " + r.Name + " has made", err}
	}
	for _, t := range types {
		if t.Namespaced || t.Group == "" && t.GroupVersionResource.Resource == "namespaces" {
			continue
		}
		request := member.ListRequest{Resource: t, LabelSelector: velero.RestoreName + "=" + velero.LabelValue(r.Name), Limit: 500}
		for page, err := range w.member.Metadata(ctx, request) {
			if reason := member.ReasonOf(err); err != nil && (reason == member.ReasonNotFound || reason == member.ReasonForbidden || reason == member.ReasonInvalid) {
				break // none that could be ours
			}
			if err != nil {
				return &LeftError{"what Restore " + r.Name + " has made", err}
			}
			for i := range page {
				if !isOf(&page[i], r) {
					continue
				}
				what := strings.ToLower(t.Kind) + " " + page[i].Name
				err := patience.Try(ctx, func() error { return w.member.Delete(ctx, t, "", page[i].Name, page[i].UID, member.WriteOptions{}) })
				if err != nil && !member.IsObjectNotFound(err) {
					return &LeftError{what, err}
				}
				w.deleted = append(w.deleted, what)
			}
		}
	}
	return nil
}
