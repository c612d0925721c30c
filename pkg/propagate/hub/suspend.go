package hub

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// hold suspends clusters, and waits until each Work that they have shows it: only
// then a change of the templates cannot reach them.
func (t *Turn) hold(ctx context.Context, clusters []string) error {
	if len(clusters) == 0 {
		t.at.suspended = nil
		return nil
	}
	t.at.suspended = clusters
	t.suspend(clusters)
	for _, first := range []func(*unstructured.Unstructured) bool{ofNamespace, propagates} {
		if err := t.ApplyOnly(ctx, func(c *direct.Change) bool { return first(c.Object.Unstructured) }); err != nil {
			return err
		}
	}
	return t.awaitWorks(ctx, "is suspended", func(w *work, _ *binding, _ *direct.Change) bool { return w.isSuspended() })
}

// isSuspended is true for a Work that Karmada has seen to be suspended.
func (w *work) isSuspended() bool {
	dispatching := meta.FindStatusCondition(w.Status.Conditions, "Dispatching")
	return w.Spec.Suspended && dispatching != nil && dispatching.Status == "False"
}

// release suspends fewer clusters than before.
func (t *Turn) release(ctx context.Context, clusters []string) error {
	if len(clusters) == len(t.at.suspended) {
		return nil
	}
	t.suspend(clusters)
	if err := t.ApplyOnly(ctx, func(c *direct.Change) bool { return propagates(c.Object.Unstructured) }); err != nil {
		return err
	}
	t.at.suspended = clusters
	return nil
}

// suspend makes the policies keep what they select from clusters. Those that the
// user's own policy keeps it from stay so.
func (t *Turn) suspend(clusters []string) {
	for _, c := range t.Changes {
		if !isKept(c) || !propagates(c.Object.Unstructured) {
			continue
		}
		if t.at.policies[c] == nil {
			t.at.policies[c] = c.Object.Unstructured
		}
		c.Object.Unstructured = t.at.policies[c].DeepCopy()
		names := suspendedBy(c.Object.Unstructured)
		for _, name := range clusters {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			_ = unstructured.SetNestedStringSlice(c.Object.Object, names, suspensionPath()...) // a policy's spec is a map
		}
	}
}

func suspensionPath() []string {
	return []string{"spec", "suspension", "dispatchingOnClusters", "clusterNames"}
}

// suspendedBy are the clusters that a policy keeps from what it selects.
func suspendedBy(policy *unstructured.Unstructured) []string {
	names, _, _ := unstructured.NestedStringSlice(policy.Object, suspensionPath()...)
	return names
}

// suspendedNow are the clusters that are kept from the set on the hub, and are not
// to be.
func (p *Plan) suspendedNow() []string {
	var spared []string
	for _, c := range p.Changes {
		live, _ := c.State()
		if live == nil || !propagates(live) {
			continue
		}
		for _, name := range suspendedBy(live) {
			stays := isKept(c) && slices.Contains(suspendedBy(c.Object.Unstructured), name)
			if !stays && !slices.Contains(spared, name) {
				spared = append(spared, name)
			}
		}
	}
	return spared
}

// awaitWorks waits until it is so of every Work that a suspended cluster has.
func (t *Turn) awaitWorks(ctx context.Context, what string, so func(*work, *binding, *direct.Change) bool) error {
	return patiently(ctx, holdWait, "each Work "+what, func(ctx context.Context) ([]string, error) { return t.unlike(ctx, so) })
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
	return t.behind(b, c) == "" && t.lacks(w, c, w.cluster()) == ""
}
