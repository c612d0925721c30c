// Package budget says what PodDisruptionBudgets allow. The rules are those of the
// API server's eviction (pkg/registry/core/pod/storage/eviction.go of Kubernetes
// 1.36) and of the disruption controller.
package budget

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// Class is what a budget says of evictions under it.
type Class string

// The classes.
const (
	// Open: it allows a disruption now.
	Open Class = "Open"
	// Waiting: not now, but when the pods that are not healthy are again.
	Waiting Class = "Waiting"
	// Permanent: even if all pods were healthy it would allow none.
	Permanent Class = "Permanent"
	// Uncounted: its controller cannot count what it is about, and so allows none.
	Uncounted Class = "Uncounted"
)

// Budget is a PodDisruptionBudget, read once.
type Budget struct {
	*policyv1.PodDisruptionBudget

	selector labels.Selector
}

// Key is NAMESPACE/NAME.
func (b *Budget) Key() string { return b.Namespace + "/" + b.Name }

// Class is what the budget says now.
func (b *Budget) Class() Class {
	s := b.Status
	switch {
	case b.Stale():
		return Waiting
	case b.syncFailed() != nil:
		return Uncounted
	case s.ExpectedPods <= s.DesiredHealthy:
		return Permanent
	case b.Allowed() > 0:
		return Open
	}
	return Waiting
}

// Stale is true if the controller has not seen the budget as it is now: the API
// server refuses evictions then.
func (b *Budget) Stale() bool { return b.Status.ObservedGeneration < b.Generation }

// Allowed is how many pods may be evicted now.
func (b *Budget) Allowed() int {
	return int(max(0, min(b.Status.DisruptionsAllowed, b.Status.ExpectedPods-b.Status.DesiredHealthy)))
}

// Ever is how many pods may be evicted at once when all are healthy.
func (b *Budget) Ever() int { return int(max(0, b.Status.ExpectedPods-b.Status.DesiredHealthy)) }

func (b *Budget) syncFailed() *metav1.Condition {
	c := meta.FindStatusCondition(b.Status.Conditions, policyv1.DisruptionAllowedCondition)
	if c != nil && c.Reason == policyv1.SyncFailedReason {
		return c
	}
	return nil
}

// Demand is what the budget asks for, such as "minAvailable 1 of 1".
func (b *Budget) Demand() string {
	switch {
	case b.Spec.MinAvailable != nil:
		return fmt.Sprintf("minAvailable %s of %d", b.Spec.MinAvailable, b.Status.ExpectedPods)
	case b.Spec.MaxUnavailable != nil:
		return fmt.Sprintf("maxUnavailable %s of %d", b.Spec.MaxUnavailable, b.Status.ExpectedPods)
	}
	return "nothing"
}

// Fix is what would let evictions happen again; empty if they do.
func (b *Budget) Fix() string {
	switch b.Class() {
	case Permanent:
		switch {
		case b.Status.ExpectedPods == 0:
			return "its selector finds no pods that a controller keeps: mend or delete it"
		case b.Spec.MinAvailable != nil:
			return fmt.Sprintf("scale its workload to %d, or set maxUnavailable 1 in place of minAvailable", b.Status.DesiredHealthy+1)
		default:
			return "set maxUnavailable to 1 or more"
		}
	case Uncounted:
		return "its pods need a controller with a scale subresource, or the budget an integer minAvailable"
	case Waiting:
		if b.Stale() {
			return "the disruption controller has not seen its last change: wait, or see whether kube-controller-manager runs"
		}
		if b.Status.CurrentHealthy > b.Status.DesiredHealthy {
			return "the disruption controller has not counted its last eviction yet"
		}
		return fmt.Sprintf("it waits until %d pods are healthy; %d are", b.Status.DesiredHealthy+1, b.Status.CurrentHealthy)
	case Open:
	}
	return ""
}

// Index finds the budgets of a pod.
type Index struct {
	all []*Budget
	// byLabel has the budgets that ask for a label, each under one such; a pod that has not
	// that label is not theirs. byNamespace has the others.
	byLabel     map[label][]*Budget
	byNamespace map[string][]*Budget
}

// label is one of the pods of a namespace.
type label struct{ namespace, key, value string }

// asked is a label that every pod of a budget has; ok is false if it asks for none.
func asked(b *policyv1.PodDisruptionBudget) (l label, ok bool) {
	if b.Spec.Selector == nil || len(b.Spec.Selector.MatchLabels) == 0 {
		return label{}, false
	}
	key := slices.Min(slices.Collect(maps.Keys(b.Spec.Selector.MatchLabels)))
	return label{b.Namespace, key, b.Spec.Selector.MatchLabels[key]}, true
}

// NewIndex reads budgets. One whose selector is invalid finds no pod, as in the API
// server.
func NewIndex(list []*policyv1.PodDisruptionBudget) *Index {
	x := &Index{byLabel: map[label][]*Budget{}, byNamespace: map[string][]*Budget{}}
	for _, pdb := range list {
		selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
		if err != nil {
			selector = labels.Nothing()
		}
		x.all = append(x.all, &Budget{pdb, selector})
	}
	slices.SortFunc(x.all, compare)
	for _, b := range x.all {
		if l, ok := asked(b.PodDisruptionBudget); ok {
			x.byLabel[l] = append(x.byLabel[l], b)
		} else {
			x.byNamespace[b.Namespace] = append(x.byNamespace[b.Namespace], b)
		}
	}
	return x
}

// All are the budgets, by their keys.
func (x *Index) All() []*Budget { return x.all }

// Of are the budgets that a pod is under, by their keys.
func (x *Index) Of(p *corev1.Pod) []*Budget {
	var found []*Budget
	add := func(some []*Budget) {
		for _, b := range some {
			if b.selector.Matches(labels.Set(p.Labels)) {
				found = append(found, b)
			}
		}
	}
	for key, value := range p.Labels {
		add(x.byLabel[label{p.Namespace, key, value}])
	}
	add(x.byNamespace[p.Namespace])
	if len(found) > 1 {
		slices.SortFunc(found, compare)
	}
	return found
}

func compare(a, b *Budget) int { return cmp.Compare(a.Key(), b.Key()) }

// Counts is true if an eviction of the pod asks a budget at all: one that has not
// begun, or has ended, or is being deleted, goes without.
func Counts(p *corev1.Pod) bool {
	switch p.Status.Phase {
	case corev1.PodPending, corev1.PodSucceeded, corev1.PodFailed:
		return false
	case corev1.PodRunning, corev1.PodUnknown:
	}
	return p.DeletionTimestamp == nil
}

// IsReady is true if the pod's condition Ready is.
func IsReady(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Free is true if an eviction of this pod takes nothing from the budget: it is not
// Ready, and so does not count as healthy (KEP-3017).
func (b *Budget) Free(p *corev1.Pod) bool {
	if IsReady(p) {
		return false
	}
	if policy := b.Spec.UnhealthyPodEvictionPolicy; policy != nil && *policy == policyv1.AlwaysAllow {
		return true
	}
	return b.Status.CurrentHealthy >= b.Status.DesiredHealthy && b.Status.DesiredHealthy > 0
}

// Blocker is why a pod cannot be evicted, and what would mend it.
type Blocker struct {
	// Reason is one word.
	Reason string
	// Object is the budget.
	Object types.NamespacedName
	// Text says it in a sentence without a subject, such as "minAvailable 1 of 1 can
	// never allow it".
	Text string
	Fix  string
}

// Blocks says whether a pod can never be evicted as things are; ok is false if it
// can, now or when a budget is refilled.
func (x *Index) Blocks(p *corev1.Pod) (blocker Blocker, ok bool) {
	if !Counts(p) {
		return Blocker{}, false
	}
	of := x.Of(p)
	if len(of) == 0 {
		return Blocker{}, false
	}
	b := of[0]
	name := types.NamespacedName{Namespace: b.Namespace, Name: b.Name}
	if len(of) > 1 {
		return Blocker{"SeveralBudgets", name, fmt.Sprintf("it and %s select the same pod: the API server evicts none under two budgets", of[1].Name), "narrow one of their selectors"}, true
	}
	if b.Free(p) {
		return Blocker{}, false
	}
	switch b.Class() {
	case Permanent:
		return Blocker{"PermanentBudget", name, b.Demand() + " can never allow it", b.Fix()}, true
	case Uncounted:
		return Blocker{"UncountedBudget", name, "its controller cannot count: " + b.syncFailed().Message, b.Fix()}, true
	case Open, Waiting:
	}
	if b.Allowed() == 0 && !IsReady(p) && !b.Stale() {
		return Blocker{
			"UnhealthyPod", name, fmt.Sprintf("%s, and %d are healthy: a pod that is not Ready is not evicted then", b.Demand(), b.Status.CurrentHealthy),
			"mend the pod, or set unhealthyPodEvictionPolicy AlwaysAllow",
		}, true
	}
	return Blocker{}, false
}
