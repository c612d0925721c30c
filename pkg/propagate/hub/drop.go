package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// calm is how long a template must have been nobody's before that is believed:
// Karmada gives what one policy lets go of to another that wants it.
const calm = 2 * time.Second

// dropsTemplate is true for what Karmada takes away in all clusters at once,
// suspended or not, when it is dropped.
func dropsTemplate(c *direct.Change) bool { return isTemplate(c) && c.Drops() }

// dropsLate is dropsTemplate, and what such a template is overridden by.
func (t *Turn) dropsLate(c *direct.Change) bool {
	if dropsTemplate(c) {
		return true
	}
	return c.Drops() && isOfPolicy(c) && slices.ContainsFunc(t.Changes, func(other *direct.Change) bool {
		return dropsTemplate(other) && t.overrideName(set.RefOf(other.Object.Unstructured)) == c.Object.GetName()
	})
}

// isUnbound is true for a template that was on the hub before the set, and is there
// after it: what the set has brought to the clusters goes. Of protected kinds it
// stays, as it does on the hub.
func isUnbound(c *direct.Change) bool {
	return isTemplate(c) && c.GivesBack() && !direct.IsProtected(c.Object.GroupVersionKind().GroupKind())
}

// drop takes the templates away that the set has no longer.
func (t *Turn) drop(ctx context.Context, done func(*direct.Change)) error {
	if t.at.dropped {
		return nil
	}
	if err := t.unbind(ctx, holdWait); err != nil {
		return err
	}
	objects := func(c *direct.Change) bool { return dropsTemplate(c) && !isDefinition(c.Object.GroupVersionKind()) }
	if err := t.Drop(ctx, objects, done); err != nil {
		return err
	}
	if err := t.awaitUndefinable(ctx, holdWait, objects); err != nil {
		return err
	}
	definitions := func(c *direct.Change) bool { return dropsTemplate(c) && isDefinition(c.Object.GroupVersionKind()) }
	overrides := func(c *direct.Change) bool { return isOfPolicy(c) && t.dropsLate(c) }
	for _, which := range []func(*direct.Change) bool{definitions, overrides} {
		if err := t.Drop(ctx, which, done); err != nil {
			return err
		}
	}
	t.at.dropped = true
	return nil
}

// awaitUndefinable waits, before definitions are deleted, until no cluster has any of
// these objects: Karmada cannot take away objects of a type that a cluster no longer
// serves, and would try for ever (tryDeleteWorkload in karmada's
// pkg/controllers/execution/execution_controller.go).
func (t *Turn) awaitUndefinable(ctx context.Context, within time.Duration, objects func(*direct.Change) bool) error {
	deleted := func(c *direct.Change) bool {
		return c.Action == direct.ActionDelete && isDefinition(c.Object.GroupVersionKind())
	}
	if !slices.ContainsFunc(t.Changes, deleted) {
		return nil
	}
	for _, cluster := range t.known {
		if err := t.awaitTaken(ctx, within, cluster, objects); err != nil {
			return err
		}
	}
	return nil
}

// unbind has Karmada take away what it brought to the clusters of the templates that
// are given back: it would leave it there, and go on with it. They are the set's
// still, so that a run that is killed here can be gone on with.
func (t *Turn) unbind(ctx context.Context, within time.Duration) error {
	free := map[types.UID]time.Time{}
	return patiently(ctx, within, "it has taken away what the set gives back", func(ctx context.Context) (left []string, err error) {
		s, err := t.look(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range t.Changes {
			ref := set.RefOf(c.Object.Unstructured)
			b := s.binding(ref)
			if !isUnbound(c) || b == nil || b.isClaimed() && t.claimant(b) == nil { // another's policy brings it now
				continue
			}
			left = append(left, ref.String())
			since, seen := free[b.UID]
			switch {
			case b.isClaimed():
				delete(free, b.UID)
			case !seen:
				free[b.UID] = time.Now()
			case b.DeletionTimestamp == nil && time.Since(since) > calm:
				if err := t.hub.Delete(ctx, bindingsIn(b.Namespace), b.Namespace, b.Name, b.UID, member.WriteOptions{Version: b.ResourceVersion}); err != nil {
					return nil, err // somebody has it by now, or it is gone: the next look says
				}
			}
		}
		return left, nil
	})
}

// isClaimed is true if a policy has the template.
func (b *binding) isClaimed() bool {
	return b.Labels[policyv1alpha1.PropagationPolicyPermanentIDLabel] != "" || b.Labels[policyv1alpha1.ClusterPropagationPolicyPermanentIDLabel] != ""
}

// claimant is the set's policy that has the template; nil if none has.
func (p *Plan) claimant(b *binding) *direct.Change {
	at := slices.IndexFunc(p.Changes, func(c *direct.Change) bool {
		policy, _ := c.State()
		return policy != nil && propagates(policy) && isBoundBy(b, policy)
	})
	if at < 0 {
		return nil
	}
	return p.Changes[at]
}

// mayBring refuses templates that Karmada brings to clusters already, other than by
// the set.
func (p *planner) mayBring(ctx context.Context) error {
	refusal := &direct.RefusedError{}
	for _, c := range p.Changes {
		live, _ := c.State()
		if !isTemplate(c) || !isKept(c) || live == nil || live.GetLabels()[set.PartOfLabel] == p.PartOf() {
			continue
		}
		s, err := p.look(ctx)
		if err != nil {
			return err
		}
		b := s.binding(set.RefOf(live))
		switch {
		case b == nil, p.claimant(b) != nil:
		case b.isClaimed():
			refusal.Problems = append(refusal.Problems, direct.ObjectError{Object: c.Object, Err: refused("Karmada brings it to clusters by %s, which is not of the set: take it out of that first", b.claimedBy())})
		case !p.options.TakeOver:
			refusal.Problems = append(refusal.Problems, direct.ObjectError{Object: c.Object, Err: refused(
				"Karmada has brought it to %s by a policy that is gone; --take-over takes it all the same, and withdraw then takes it away there", strings.Join(b.names(), ", "))})
		}
	}
	if len(refusal.Problems) > 0 {
		return refusal
	}
	return nil
}

// claimedBy names the policy that has the template.
func (b *binding) claimedBy() string {
	if name := b.Annotations[policyv1alpha1.ClusterPropagationPolicyAnnotation]; name != "" {
		return policyv1alpha1.ResourceKindClusterPropagationPolicy + " " + name
	}
	return fmt.Sprintf("%s %s/%s", policyv1alpha1.ResourceKindPropagationPolicy,
		b.Annotations[policyv1alpha1.PropagationPolicyNamespaceAnnotation], b.Annotations[policyv1alpha1.PropagationPolicyNameAnnotation])
}

// names are the clusters that the template is bound to.
func (b *binding) names() []string {
	list := make([]string, len(b.Spec.Clusters))
	for i := range b.Spec.Clusters {
		list[i] = b.Spec.Clusters[i].Name
	}
	return list
}
