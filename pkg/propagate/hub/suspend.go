package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// holdWait bounds how long Karmada may take to pass on to its Works what a policy
// says.
const holdWait = time.Minute

// notHeldError is the cause of the end of that wait.
type notHeldError struct{}

func (notHeldError) Error() string { return "not within " + holdWait.String() }

// hold suspends clusters, and waits until each Work that they have shows it: only
// then a change of the templates cannot reach them.
func (t *Turn) hold(ctx context.Context, clusters []string) error {
	if len(clusters) == 0 {
		t.at.suspended = nil
		return nil
	}
	t.at.suspended = clusters
	for _, c := range t.Changes {
		if isKept(c) && propagates(c.Object.Unstructured) {
			c.Object.Unstructured = suspend(c.Object.Unstructured, clusters)
		}
	}
	for _, first := range []func(*unstructured.Unstructured) bool{ofNamespace, propagates} {
		if err := t.ApplyOnly(ctx, func(c *direct.Change) bool { return first(c.Object.Unstructured) }); err != nil {
			return err
		}
	}
	return t.awaitWorks(ctx, "is suspended", func(w *work, _ *binding, _ *direct.Change) bool {
		dispatching := meta.FindStatusCondition(w.Status.Conditions, "Dispatching")
		return w.Spec.Suspended && dispatching != nil && dispatching.Status == "False"
	})
}

// release suspends fewer clusters than before.
func (t *Turn) release(ctx context.Context, clusters []string) error {
	if len(clusters) == len(t.at.suspended) {
		return nil
	}
	for _, c := range t.Changes {
		if isKept(c) && propagates(c.Object.Unstructured) {
			c.Object.Unstructured = suspend(c.Object.Unstructured, clusters)
		}
	}
	if err := t.ApplyOnly(ctx, func(c *direct.Change) bool { return propagates(c.Object.Unstructured) }); err != nil {
		return err
	}
	t.at.suspended = clusters
	return nil
}

// suspend is a policy that keeps what it selects from clusters. Those that the
// user's own policy keeps it from stay so.
func suspend(policy *unstructured.Unstructured, clusters []string) *unstructured.Unstructured {
	policy = policy.DeepCopy()
	path := []string{"spec", "suspension", "dispatchingOnClusters", "clusterNames"}
	if len(clusters) == 0 {
		unstructured.RemoveNestedField(policy.Object, path[:3]...)
		if rest, _, _ := unstructured.NestedMap(policy.Object, path[:2]...); len(rest) == 0 {
			unstructured.RemoveNestedField(policy.Object, path[:2]...)
		}
		return policy
	}
	_ = unstructured.SetNestedStringSlice(policy.Object, clusters, path...) // a policy's spec is a map
	return policy
}

// awaitWorks waits until it is so of every Work that a suspended cluster has.
func (t *Turn) awaitWorks(ctx context.Context, what string, so func(*work, *binding, *direct.Change) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, holdWait, notHeldError{})
	defer cancel()
	for {
		left, err := t.unlike(ctx, so)
		if err == nil && len(left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), notHeldError{}) {
				return context.Cause(ctx)
			}
			if err == nil {
				err = fmt.Errorf("the Work of %s", strings.Join(left[:min(3, len(left))], ", "))
			}
			return &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf("within %s Karmada does not say that each Work %s: %w", holdWait, what, err)}
		case <-time.After(2 * fresh):
		}
	}
}

// unlike are the templates that have a Work in a suspended cluster of which it is
// not so.
func (t *Turn) unlike(ctx context.Context, so func(*work, *binding, *direct.Change) bool) ([]string, error) {
	s, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, c := range t.Changes {
		ref := set.RefOf(c.Object.Unstructured)
		b := s.binding(ref)
		if !isTemplate(c) || !isKept(c) || b == nil {
			continue
		}
		for cluster, w := range s.works[b.id()] {
			if slices.Contains(t.at.suspended, cluster) && !so(w, b, c) {
				left = append(left, fmt.Sprintf("%s in %s", ref, cluster))
			}
		}
	}
	return left, nil
}

// carries is true for a Work of the template as it is.
func (t *Turn) carries(w *work, b *binding, c *direct.Change) bool {
	return t.behind(b, c) == "" && w.generation() >= generationOf(c) && t.overriddenIn(w, c, w.cluster())
}
