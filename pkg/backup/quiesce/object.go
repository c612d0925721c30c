package quiesce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Annotation is on an object that a run has changed to hold it still, with which run, and with what was before.
const Annotation = "kubectl-fleet.io/held"

// mark is the value of Annotation.
type mark struct {
	Run string `json:"run"`
	// Before is the merge patch that puts back what was changed.
	Before map[string]any `json:"before"`
}

// object holds still by changing an object. Nobody but a run ends that: it has no deadman.
type object struct {
	run             Run
	member          *member.Member
	timeout         time.Duration
	namespace, name string
	// resource finds its type in the cluster.
	resource func(context.Context) (member.Resource, error)
	// frozen is the merge patch that holds it still.
	frozen map[string]any
	// admit is an error if it could not be held still, though it can be changed; nil: there is nothing to ask.
	admit func(context.Context, *unstructured.Unstructured) error
	// awaits is what is waited for, once it is changed; "" if nothing is any more.
	awaits func(context.Context, *unstructured.Unstructured) (string, error)
}

func (o object) plan(ctx context.Context) ([]v1alpha1.Hold, error) {
	_, now, err := o.get(ctx)
	if err != nil {
		return nil, err
	}
	if err := o.mayHold(ctx, now); err != nil {
		return nil, err
	}
	return []v1alpha1.Hold{{Namespace: now.GetNamespace(), Name: now.GetName(), UID: now.GetUID()}}, nil
}

func (o object) mayHold(ctx context.Context, now *unstructured.Unstructured) error {
	m, err := markOf(now)
	if err != nil {
		return err
	}
	if m != nil {
		return &member.Error{Reason: member.ReasonRefused, Err: remedied("recover "+m.Run+" releases it", "%s %s is held still by the run %s, which is to be recovered first", now.GetKind(), o.name, m.Run)}
	}
	if o.admit == nil {
		return nil
	}
	return o.admit(ctx, now)
}

func (o object) rehearse(ctx context.Context, h v1alpha1.Hold) error {
	r, now, err := o.get(ctx)
	if err != nil {
		return err
	}
	if now.GetUID() != h.UID {
		return errors.New("another has taken its place")
	}
	may, why, err := o.member.May(ctx, authorizationv1.ResourceAttributes{
		Group: r.Group, Version: r.Version, Resource: r.GroupVersionResource.Resource, Namespace: h.Namespace, Name: h.Name, Verb: "patch",
	})
	if err == nil && !may {
		err = &member.Error{Reason: member.ReasonForbidden, Err: fmt.Errorf("you may not patch %s %s", r.GroupVersionResource.Resource, why)}
	}
	return err
}

func (o object) freeze(ctx context.Context, h *v1alpha1.Hold) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout+slack)
	defer cancel()
	err := o.change(ctx, func(now *unstructured.Unstructured) (map[string]any, error) {
		if now.GetUID() != h.UID {
			return nil, errors.New("another has taken its place")
		}
		if err := o.mayHold(ctx, now); err != nil {
			return nil, err
		}
		m := mark{Run: o.run.Name, Before: undo(o.frozen, now.Object)}
		before, err := json.Marshal(m.Before)
		if err != nil {
			return nil, err
		}
		h.Before = &runtime.RawExtension{Raw: before}
		value, err := json.Marshal(m)
		if err != nil {
			return nil, err
		}
		return annotated(o.frozen, string(value)), nil
	})
	if err != nil {
		return err
	}
	h.State = v1alpha1.HoldArmed
	return o.settle(ctx)
}

// settle waits until nothing is waited for any more.
func (o object) settle(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for waits := "it"; ; {
		_, now, err := o.get(ctx)
		if err == nil {
			waits, err = o.waits(ctx, now)
		}
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%w: still waiting for %s", context.Cause(ctx), waits)
		case err != nil && !member.IsAway(err):
			return err
		case err == nil && waits == "":
			return nil
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (o object) waits(ctx context.Context, now *unstructured.Unstructured) (string, error) {
	if o.awaits == nil {
		return "", nil
	}
	return o.awaits(ctx, now)
}

func (o object) check(ctx context.Context, h *v1alpha1.Hold) error {
	_, now, err := o.get(ctx)
	if member.IsObjectNotFound(err) {
		return &BrokenError{what(*h), "it is gone"}
	}
	if err != nil {
		return err
	}
	if why := o.brokenBy(now, h); why != "" {
		return &BrokenError{what(*h), why}
	}
	waits, err := o.waits(ctx, now)
	if err == nil && waits != "" {
		return &BrokenError{what(*h), "it would have to be waited for: " + waits}
	}
	return err
}

// brokenBy is why a hold is broken, by the looks of the object; "" if it is not.
func (o object) brokenBy(now *unstructured.Unstructured, h *v1alpha1.Hold) string {
	m, err := markOf(now)
	switch {
	case now.GetUID() != h.UID:
		return "another has taken its place"
	case err != nil:
		return err.Error()
	case m == nil || m.Run != o.run.Name:
		return "somebody else has released it, or it was never held"
	case !contains(now.Object, o.frozen):
		return "somebody else has changed it"
	}
	return ""
}

func (o object) release(ctx context.Context, h *v1alpha1.Hold) (done bool, err error) {
	unbroken := false
	err = o.change(ctx, func(now *unstructured.Unstructured) (map[string]any, error) {
		why := o.brokenBy(now, h)
		if why == "" {
			unbroken = true
		} else if !unbroken {
			broken(h, "%s", why)
		}
		m, err := markOf(now)
		if err != nil || m == nil || m.Run != o.run.Name || now.GetUID() != h.UID {
			return nil, err
		}
		return annotated(restore(o.frozen, m.Before, now.Object), nil), nil
	})
	if member.IsObjectNotFound(err) {
		broken(h, "it is gone")
		return true, nil
	}
	if err != nil {
		return false, err
	}
	// What a write, whose answer was lost, has ended was ours to end if it was unbroken when that was sent.
	if unbroken && h.State != v1alpha1.HoldBroken {
		h.State = v1alpha1.HoldReleased
	}
	return true, nil
}

// change reads the object and patches it, if nobody else has changed it meanwhile; else it does so again. Without a patch there is
// nothing to do.
func (o object) change(ctx context.Context, patchFor func(*unstructured.Unstructured) (map[string]any, error)) error {
	const attempts = 10
	for try := 1; ; try++ {
		r, now, err := o.get(ctx)
		if err != nil {
			return err
		}
		patch, err := patchFor(now)
		if err != nil || patch == nil {
			return err
		}
		fenced := unstructured.Unstructured{Object: patch}
		fenced.SetResourceVersion(now.GetResourceVersion())
		err = o.member.MergePatch(ctx, r, o.namespace, o.name, now.GetUID(), fenced.Object)
		if err == nil || !apierrors.IsConflict(err) || try == attempts {
			return err
		}
	}
}

func (o object) get(ctx context.Context) (member.Resource, *unstructured.Unstructured, error) {
	r, err := o.resource(ctx)
	if err != nil {
		return r, nil, err
	}
	now, err := o.member.Object(ctx, r, o.namespace, o.name)
	return r, now, err
}

// markOf reads the annotation; nil where there is none.
func markOf(o *unstructured.Unstructured) (*mark, error) {
	value, has := o.GetAnnotations()[Annotation]
	if !has {
		return nil, nil //nolint:nilnil // there is none
	}
	m := &mark{}
	if err := decode([]byte(value), m); err != nil {
		return nil, fmt.Errorf("its annotation %s is none of ours: %w", Annotation, err)
	}
	return m, nil
}
