package hub

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// patience is how long Karmada may say that something failed before it counts:
// it tries again by itself, and much passes.
const patience = 10 * time.Second

// verdict is how one template is in one cluster.
type verdict struct {
	// elsewhere: it is not to be in this cluster.
	elsewhere bool
	current   bool
	// waiting is what it waits for, and failing what Karmada says went wrong.
	waiting, failing string
	// untyped is the binding of a template whose type the cluster did not serve when
	// Karmada last looked; nil if it is another's.
	untyped *binding
}

// gate looks at one cluster, and remembers what fails there since when.
type gate struct {
	plan    *Plan
	cluster string // as the hub calls it
	since   map[string]time.Time
	// hurry, if not nil, has Karmada schedule a binding again.
	hurry func(context.Context, *binding) error
}

func newGate(p *Plan, cluster string) *gate {
	return &gate{plan: p, cluster: cluster, since: map[string]time.Time{}}
}

// look is how the objects are.
func (g *gate) look(ctx context.Context) (h direct.Health, failed string, err error) {
	s, err := g.plan.look(ctx)
	if err != nil {
		return h, "", err
	}
	since := map[string]time.Time{}
	for _, c := range g.plan.Changes {
		if !isTemplate(c) {
			continue
		}
		ref := set.RefOf(c.Object.Unstructured)
		v := g.verdict(s, c, ref)
		if v.elsewhere {
			continue
		}
		h.Total++
		if v.current {
			h.Current++
			continue
		}
		if v.untyped != nil && g.hurry != nil {
			if err := g.hurry(ctx, v.untyped); err != nil {
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

func (g *gate) verdict(s *snapshot, c *direct.Change, ref set.Ref) verdict {
	b := s.binding(ref)
	if !isKept(c) {
		return g.dropped(s, b, c)
	}
	if b == nil {
		return verdict{waiting: "Karmada has not bound it to a policy"}
	}
	if why := g.plan.behind(b, c); why != "" {
		return verdict{waiting: why}
	}
	if scheduled := meta.FindStatusCondition(b.Status.Conditions, "Scheduled"); scheduled != nil && scheduled.Status == metav1.ConditionFalse {
		if strings.Contains(scheduled.Message, noSuchType) && g.plan.defines(c) {
			return verdict{waiting: "Karmada does not know yet that its definition is in the cluster", untyped: b}
		}
		return verdict{failing: fmt.Sprintf("not scheduled (%s): %s", scheduled.Reason, scheduled.Message)}
	}
	if b.Status.SchedulerObservedGeneration != b.Generation {
		return verdict{waiting: "Karmada's scheduler has not seen it yet"}
	}
	if !slices.ContainsFunc(b.Spec.Clusters, func(t struct {
		Name string `json:"name"`
	}) bool {
		return t.Name == g.cluster
	}) {
		if !b.wants(g.cluster) {
			return verdict{elsewhere: true}
		}
		return verdict{waiting: "Karmada has not scheduled it to the cluster"}
	}
	return g.delivered(b, s.works[b.id()][g.cluster], c)
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

// noSuchType is what Karmada says of a cluster that does not serve a type. It looks
// which ones a cluster serves every ten seconds, or later.
const noSuchType = "did not have the API resource"

// defines is true if the definition of a template's type is of the same set.
func (p *Plan) defines(template *direct.Change) bool {
	kind := template.Object.GroupVersionKind()
	return slices.ContainsFunc(p.Changes, func(c *direct.Change) bool {
		group, _, _ := unstructured.NestedString(c.Object.Object, "spec", "group")
		name, _, _ := unstructured.NestedString(c.Object.Object, "spec", "names", "kind")
		return isKept(c) && c.Object.GetKind() == "CustomResourceDefinition" && group == kind.Group && name == kind.Kind
	})
}

// wants is true if a template is to be in a cluster whatever Karmada chooses.
func (b *binding) wants(cluster string) bool {
	placement := b.Spec.Placement
	return placement != nil && placement.ClusterAffinity != nil && len(placement.SpreadConstraints) == 0 &&
		slices.Contains(placement.ClusterAffinity.ClusterNames, cluster) && !slices.Contains(placement.ClusterAffinity.ExcludeClusters, cluster) &&
		placement.ReplicaSchedulingType() == policyv1alpha1.ReplicaSchedulingTypeDuplicated
}

// behind says what the binding does not know yet; empty if it knows all.
func (p *Plan) behind(b *binding, c *direct.Change) string {
	if template, written := c.State(); written {
		order, err := resourceversion.CompareResourceVersion(b.Spec.Resource.ResourceVersion, template.GetResourceVersion())
		if err == nil && order < 0 {
			return "Karmada has not seen the change yet"
		}
	}
	for _, other := range p.Changes {
		policy, _ := other.State()
		if !isKept(other) || policy == nil || !propagates(policy) || !isBoundBy(b, policy) {
			continue
		}
		var wanted policyv1alpha1.PropagationPolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(policy.Object, &wanted); err != nil {
			return err.Error()
		}
		if b.Spec.Placement == nil || !equality.Semantic.DeepEqual(*b.Spec.Placement, wanted.Spec.Placement) {
			return "Karmada has not seen the change of the policy yet"
		}
		return ""
	}
	return "Karmada has it by a policy that is not of the set"
}

// isBoundBy is true if a policy made a binding.
func isBoundBy(b *binding, policy *unstructured.Unstructured) bool {
	label := policyv1alpha1.PropagationPolicyPermanentIDLabel
	if policy.GetKind() == policyv1alpha1.ResourceKindClusterPropagationPolicy {
		label = policyv1alpha1.ClusterPropagationPolicyPermanentIDLabel
	}
	id := policy.GetLabels()[label]
	return id != "" && b.Labels[label] == id
}

// delivered is the verdict on what Karmada brought to the cluster.
func (g *gate) delivered(b *binding, w *work, c *direct.Change) verdict {
	switch {
	case w == nil:
		return verdict{waiting: "Karmada has made no Work of it yet"}
	case w.DeletionTimestamp != nil:
		return verdict{waiting: "its former Work is going away"}
	}
	if why := g.plan.lacks(w, c, g.cluster); why != "" {
		return verdict{waiting: why}
	}
	if w.Spec.Suspended {
		return verdict{waiting: "its Work is suspended"}
	}
	applied := meta.FindStatusCondition(w.Status.Conditions, "Applied")
	if applied == nil {
		return verdict{waiting: "not applied yet"}
	}
	if applied.Status != metav1.ConditionTrue {
		return verdict{failing: "not applied: " + strings.TrimSpace(applied.Message)}
	}
	at := slices.IndexFunc(b.Status.AggregatedStatus, func(a aggregated) bool { return a.Cluster == g.cluster })
	if at < 0 {
		return verdict{waiting: "nothing is known of it in the cluster yet"}
	}
	item := b.Status.AggregatedStatus[at]
	if !item.Applied {
		return verdict{waiting: cmp.Or(item.Message, "not applied yet")}
	}
	seen, says, _ := unstructured.NestedInt64(item.Status, "resourceTemplateGeneration")
	if says && seen < w.generation() {
		return verdict{waiting: "its status is of the former generation"}
	}
	if item.Health != "Healthy" {
		return verdict{waiting: "it is " + cmp.Or(item.Health, "Unknown")}
	}
	return verdict{current: true}
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
	if why := w.behind(template); why != "" {
		return why
	}
	if !p.overriddenIn(w, c, cluster) {
		return "its Work does not have the overrides yet"
	}
	return ""
}

// behind says what a Work does not have of its template yet; empty if it has all.
// It may be of a later generation: Karmada itself changes annotations, and the
// generation of a Deployment with them.
func (w *work) behind(template *unstructured.Unstructured) string {
	wanted := template.GetGeneration()
	switch {
	case w.generation() < wanted:
		return fmt.Sprintf("its Work is of generation %d, and %d is wanted", w.generation(), wanted)
	case wanted == 0 && !hasContent(w, template):
		return "its Work does not have the change yet"
	}
	return ""
}
