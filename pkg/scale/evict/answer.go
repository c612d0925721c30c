package evict

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
)

// answered is how long an eviction that was asked for has until it is answered when the
// run has ended.
const answered = 10 * time.Second

// evict asks for all pods that have their turn, side by side. What was asked for is not
// given up when ctx ends: an API server that takes it from the budget, and then is told
// that nobody waits, leaves the pod, and the budget is used up for two minutes.
func (d *Drain) evict(ctx context.Context, r round) {
	asking, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(answered, cancel) })()
	results := make([]error, len(r.ready))
	slots := make(chan struct{}, max(1, d.Options.Parallel))
	var wait sync.WaitGroup
	for i, p := range r.ready {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				results[i] = context.Cause(ctx)
				return
			}
			results[i] = d.Evictor.Evict(asking, p.Namespace, p.Name, p.UID, d.Options.Grace)
		})
	}
	wait.Wait()
	for i, p := range r.ready {
		d.note(p, covering(p, r.index), results[i])
	}
}

// note takes in what the API server said of an eviction.
func (d *Drain) note(p *corev1.Pod, b *budget.Budget, err error) {
	switch {
	case err == nil:
		a := asked{pod: p.Name, at: time.Now()}
		if b != nil {
			a.budget = b.UID
		}
		d.asked[p.UID] = a
		d.failing = time.Time{}
		d.Observer.Evicted(p.Spec.NodeName, p)
		return
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		// The pod that was meant is gone, and another may have its name: the view will
		// say so.
		d.retry[p.UID] = time.Now().Add(firstRetry)
		return
	}
	later := cmp.Or(min(2*d.pause[p.UID], lastRetry), firstRetry)
	d.pause[p.UID] = later
	seconds, suggested := apierrors.SuggestsClientDelay(err)
	if suggested && seconds > 0 {
		later = time.Duration(seconds) * time.Second
	}
	switch {
	case hasCause(err, policyv1.DisruptionBudgetCause) && b != nil:
		// What the view says of the budget was old; its next change is the time.
		d.budgets[b.UID] = time.Now().Add(min(later, firstRetry))
		return
	case apierrors.IsTooManyRequests(err):
		d.held = time.Now().Add(later)
		return
	case severalBudgets(err):
		d.blocked[p.UID] = v1alpha1.Blocker{Reason: "SeveralBudgets", Pod: p.Namespace + "/" + p.Name, Message: err.Error(), Fix: "narrow one of their selectors"}
		return
	case apierrors.IsForbidden(err) && !hasCause(err, corev1.NamespaceTerminatingCause):
		d.blocked[p.UID] = v1alpha1.Blocker{Reason: "Forbidden", Pod: p.Namespace + "/" + p.Name, Message: err.Error(), Fix: "create pods/eviction must be allowed: kubectl fleetscale rbac down prints the role"}
		return
	case apierrors.IsBadRequest(err), apierrors.IsInvalid(err):
		d.blocked[p.UID] = v1alpha1.Blocker{Reason: "Refused", Pod: p.Namespace + "/" + p.Name, Message: err.Error()}
		return
	}
	if reason := member.ReasonOf(err); reason == member.ReasonUnauthorized || reason == member.ReasonLoginFailed {
		d.fatal = err
		return
	}
	d.retry[p.UID] = time.Now().Add(later)
	if d.failing.IsZero() && !errors.Is(err, context.Canceled) {
		d.failing = time.Now()
	}
}

func hasCause(err error, cause metav1.CauseType) bool { return apierrors.HasStatusCause(err, cause) }

// severalBudgets knows the API server's words for a pod under two budgets; there is
// no cause for it (pkg/registry/core/pod/storage/eviction.go).
func severalBudgets(err error) bool {
	return strings.Contains(err.Error(), "more than one PodDisruptionBudget")
}
