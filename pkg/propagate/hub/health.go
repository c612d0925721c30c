package hub

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// patience is how long Karmada may say that something failed before it counts:
// it tries again by itself, and much passes.
const patience = 10 * time.Second

// gate looks at one cluster, and remembers what fails there since when.
type gate struct {
	plan    *Plan
	cluster string // as the hub calls it
	since   map[string]time.Time
	// there are the templates that the cluster itself was seen to have, each with the
	// generation that it has there, and members what it has of the set; nil until a look
	// needs to know.
	there   map[*direct.Change]int64
	members map[set.Ref]*unstructured.Unstructured
	// hurry, if not nil, has Karmada schedule a binding again.
	hurry func(context.Context, *binding) error
}

func newGate(p *Plan, cluster string) *gate {
	return &gate{plan: p, cluster: cluster, since: map[string]time.Time{}, there: map[*direct.Change]int64{}}
}

// look is how the objects are.
func (g *gate) look(ctx context.Context) (h direct.Health, failed string, err error) {
	s, err := g.plan.look(ctx)
	if err != nil {
		return h, "", err
	}
	since := map[string]time.Time{}
	g.members = nil
	for _, c := range g.plan.Changes {
		if !isTemplate(c) {
			continue
		}
		ref := set.RefOf(c.Object.Unstructured)
		v := g.verdict(ctx, s, c, ref)
		if v.elsewhere {
			continue
		}
		h.Total++
		if v.current {
			h.Current++
			continue
		}
		if v.unscheduled != nil && g.hurry != nil {
			if err := g.hurry(ctx, v.unscheduled); err != nil {
				return h, "", err
			}
		}
		said := ref.String() + ": " + cmp.Or(v.failing, v.waiting)
		h.Waiting = append(h.Waiting, said)
		if v.failing == "" {
			continue
		}
		began, before := g.since[ref.String()]
		if !before {
			began = time.Now()
		}
		since[ref.String()] = began
		if time.Since(began) > patience {
			failed = said
		}
	}
	g.since = since
	return h, failed, nil
}

// dropped is the verdict on what the set has no longer. The last wave waits for what
// the others have of it, too: it goes with the last.
func (g *gate) dropped(s *snapshot, b *binding, c *direct.Change) verdict {
	if b == nil || c.Action == direct.ActionRelease && !isUnbound(c) || b.isClaimed() && g.plan.claimant(b) == nil {
		return verdict{elsewhere: true}
	}
	for _, cluster := range g.plan.at.waitingFor(g.cluster) {
		if s.works[b.id()][cluster] != nil {
			return verdict{waiting: "Karmada takes it away in " + cluster}
		}
	}
	return verdict{elsewhere: true}
}

// waitingFor are the clusters in which a gate waits until what is dropped is gone.
func (a *progress) waitingFor(cluster string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.dropped {
		return nil
	}
	return append(slices.Collect(maps.Keys(a.finished)), cluster)
}

// defines is true if the definition of a template's type is of the same set.
func (p *Plan) defines(template *direct.Change) bool {
	kind := template.Object.GroupVersionKind()
	return slices.ContainsFunc(p.Changes, func(c *direct.Change) bool {
		group, _, _ := unstructured.NestedString(c.Object.Object, "spec", "group")
		name, _, _ := unstructured.NestedString(c.Object.Object, "spec", "names", "kind")
		return isKept(c) && isDefinition(c.Object.GroupVersionKind()) && group == kind.Group && name == kind.Kind
	})
}

// behind says what the binding does not know yet; empty if it knows all.
func (p *Plan) behind(b *binding, c *direct.Change) string {
	if template, written := c.State(); written && !b.knows(template) {
		return "Karmada has not seen the change yet"
	}
	var policies []*unstructured.Unstructured
	for _, other := range p.Changes {
		if policy, _ := other.State(); isKept(other) && policy != nil && propagates(policy) {
			policies = append(policies, policy)
		}
	}
	return b.unplaced(policies)
}

// isTemplate is true for what Karmada brings to clusters by a policy.
func isTemplate(c *direct.Change) bool {
	kind := c.Object.GroupVersionKind()
	return c.Action != direct.ActionKeep && !isPolicy(kind) && !isNamespace(kind)
}

// isKept is true for what is there when the plan is done.
func isKept(c *direct.Change) bool {
	return c.Action != direct.ActionKeep && !c.Drops()
}

func refersTo(ref set.Ref) func(*direct.Change) bool {
	return func(c *direct.Change) bool { return isTemplate(c) && set.RefOf(c.Object.Unstructured).Same(ref) }
}

// lacks says what a Work in a cluster does not have yet; empty if it has all.
func (p *Plan) lacks(w *work, c *direct.Change, cluster string) string {
	template, _ := c.State()
	if template == nil {
		return "it is gone from the hub"
	}
	if why := w.behind(template, c.Object.Unstructured, p.formerOf(c)); why != "" {
		return why
	}
	if !p.overriddenIn(w, template, cluster) {
		return "its Work does not have the overrides yet"
	}
	return ""
}

// behind says what a Work does not have of its template yet; empty if it has all.
// It may be of a later generation: Karmada itself changes annotations, and the
// generation of a Deployment with them. Labels have no generation: the Work must not be
// as one of the former versions of what the set sends.
func (w *work) behind(template, sent *unstructured.Unstructured, former []*unstructured.Unstructured) string {
	wanted := template.GetGeneration()
	overridden, _ := w.overridden()
	noted := func(path string) bool { return isNote(path) && !touches(overridden, path) }
	switch {
	case w.generation() < wanted:
		return fmt.Sprintf("its Work is of generation %d, and %d is wanted", w.generation(), wanted)
	case wanted == 0 && !hasContent(w, template), remains(w.manifest(), sent, former, noted):
		return "its Work does not have the change yet"
	}
	return ""
}
