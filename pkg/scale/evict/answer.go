package evict

import (
	"cmp"
	"context"
	"errors"
	"strings"
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

// answer is what the API server said of an eviction.
type answer struct {
	pod    *corev1.Pod
	budget *budget.Budget // nil: it is of none
	err    error
}

// ask asks for pods that have their turn, some side by side. Their answers come in whenever
// they do.
func (d *Drain) ask(ctx context.Context, r round) {
	free := d.free()
	if len(r.ready) > free {
		r.longestFirst()
	}
	for _, p := range r.ready[:max(0, min(free, len(r.ready)))] {
		b := covering(p, r.index)
		a := asked{pod: p.Name, at: time.Now(), open: true, controller: replacedBy(p)}
		a.placed = d.nextOf(a.controller)
		if b != nil {
			a.budget = b.UID
			d.View.forget(b.UID, p.Name)
		}
		d.asked[p.UID] = a
		go func() { d.answers <- answer{p, b, d.Evictor.Evict(ctx, p.Namespace, p.Name, p.UID, d.Options.Grace)} }()
	}
}

// free is how many evictions may be asked for now.
func (d *Drain) free() int {
	busy := 0
	for _, a := range d.asked {
		if d.isFresh(a) {
			busy++
		}
	}
	return min(cap(d.answers)-d.unanswered(), abreast-busy)
}

// unanswered is how many evictions are on their way.
func (d *Drain) unanswered() (open int) {
	for _, a := range d.asked {
		if a.open {
			open++
		}
	}
	return open
}

// hear takes in the answers that have come.
func (d *Drain) hear() {
	for len(d.answers) > 0 {
		d.note(<-d.answers)
	}
	for len(d.listed) > 0 {
		d.noteList(<-d.listed)
	}
}

// hearAll waits for the answers that are to come.
func (d *Drain) hearAll() {
	for d.unanswered() > 0 {
		d.note(<-d.answers)
	}
}

// note takes in an answer.
func (d *Drain) note(said answer) {
	p, b, err := said.pod, said.budget, said.err
	a := d.asked[p.UID]
	delete(d.asked, p.UID)
	switch {
	case err == nil:
		a.at, a.open = time.Now(), false
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
