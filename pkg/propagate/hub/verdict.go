package hub

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/wait"
)

// verdict is how one template is in one cluster.
type verdict struct {
	// elsewhere: it is not to be in this cluster.
	elsewhere bool
	current   bool
	// waiting is what it waits for, and failing what Karmada says went wrong.
	waiting, failing string
	// unscheduled is the binding of a template that Karmada's scheduler may have to look
	// at again, since the cluster did not serve its type when Karmada looked last, or had
	// not joined; else nil.
	unscheduled *binding
}

// noSuchType is what Karmada says of a cluster that does not serve a type. It looks
// which ones a cluster serves every ten seconds, or later.
const noSuchType = "did not have the API resource"

// verdict judges a template: by what Karmada says, and where that is not all, by what
// the cluster has.
func (g *gate) verdict(ctx context.Context, s *snapshot, c *direct.Change, ref set.Ref) verdict {
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
	if v := b.placed(g.cluster, g.plan.joined, func() bool { return g.plan.defines(c) }); v != (verdict{}) {
		return v
	}
	w := s.works[b.id()][g.cluster]
	switch {
	case w == nil:
		return verdict{waiting: "Karmada has made no Work of it yet"}
	case w.DeletionTimestamp != nil:
		return verdict{waiting: "its former Work is going away"}
	}
	if why := g.plan.lacks(w, c, g.cluster); why != "" {
		return verdict{waiting: why}
	}
	v := w.delivered(b, g.cluster)
	if !v.current {
		return v
	}
	if why := g.missing(ctx, b, w, c); why != "" {
		return verdict{waiting: why}
	}
	return v
}

// knows is true if a binding was made of a template as it is.
func (b *binding) knows(template *unstructured.Unstructured) bool {
	order, err := resourceversion.CompareResourceVersion(b.Spec.Resource.ResourceVersion, template.GetResourceVersion())
	return err != nil || order >= 0
}

// unplaced says what a binding does not have of the placement of the one of these
// policies that made it; empty if it has all.
func (b *binding) unplaced(policies []*unstructured.Unstructured) string {
	at := slices.IndexFunc(policies, func(policy *unstructured.Unstructured) bool { return isBoundBy(b, policy) })
	if at < 0 {
		return "Karmada has it by a policy that is not of the set"
	}
	var wanted policyv1alpha1.PropagationPolicy
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(policies[at].Object, &wanted); err != nil {
		return err.Error()
	}
	if b.Spec.Placement == nil || !equality.Semantic.DeepEqual(*b.Spec.Placement, wanted.Spec.Placement) {
		return "Karmada has not seen the change of the policy yet"
	}
	return ""
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

// placed is the verdict on where Karmada has scheduled a template; nothing if that is
// the cluster. joined are the clusters of the hub; defined is true if the definition of
// its type comes with it.
func (b *binding) placed(cluster string, joined []string, defined func() bool) verdict {
	if scheduled := meta.FindStatusCondition(b.Status.Conditions, "Scheduled"); scheduled != nil && scheduled.Status == metav1.ConditionFalse {
		if strings.Contains(scheduled.Message, noSuchType) && defined() {
			return verdict{waiting: "Karmada does not know yet that its definition is in the cluster", unscheduled: b}
		}
		return verdict{failing: fmt.Sprintf("not scheduled (%s): %s", scheduled.Reason, scheduled.Message)}
	}
	if b.Status.SchedulerObservedGeneration != b.Generation {
		return verdict{waiting: "Karmada's scheduler has not seen it yet"}
	}
	if why := b.misdivided(cluster, joined); why != "" {
		return verdict{waiting: why, unscheduled: b}
	}
	switch {
	case slices.Contains(b.names(), cluster):
		return verdict{}
	case b.wants(cluster):
		// Where some cluster could take it, the scheduler is content.
		return verdict{waiting: "Karmada has not scheduled it to the cluster", unscheduled: b}
	}
	return verdict{elsewhere: true}
}

// wants is true if a template is to be in a cluster whatever Karmada chooses.
func (b *binding) wants(cluster string) bool {
	placement := b.Spec.Placement
	return placement != nil && placement.ClusterAffinity != nil && len(placement.SpreadConstraints) == 0 &&
		slices.Contains(placement.ClusterAffinity.ClusterNames, cluster) && !slices.Contains(placement.ClusterAffinity.ExcludeClusters, cluster) &&
		placement.ReplicaSchedulingType() == policyv1alpha1.ReplicaSchedulingTypeDuplicated
}

// delivered is the verdict on what Karmada brought to the cluster by a Work that has
// all.
func (w *work) delivered(b *binding, cluster string) verdict {
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
	item, known := b.statusIn(cluster)
	if !known {
		return verdict{waiting: "nothing is known of it in the cluster yet"}
	}
	if !item.Applied {
		return verdict{waiting: cmp.Or(item.Message, "not applied yet")}
	}
	seen, says, _ := unstructured.NestedInt64(item.Status, "resourceTemplateGeneration")
	if says && seen < w.generation() {
		return verdict{waiting: "its status is of the former generation"}
	}
	if item.Health != "Healthy" {
		spec, _ := w.manifest().Object["spec"].(map[string]any)
		return verdict{waiting: b.unhealthy(cluster, spec)}
	}
	return verdict{current: true}
}

// statusIn is what became of a template in a cluster.
func (b *binding) statusIn(cluster string) (status aggregated, known bool) {
	for _, a := range b.Status.AggregatedStatus {
		if a.Cluster == cluster {
			return a, true
		}
	}
	return aggregated{}, false
}

// unhealthy says how a template is in a cluster where it is not healthy, and why, as far
// as its status there shows with this spec.
func (b *binding) unhealthy(cluster string, spec map[string]any) string {
	item, _ := b.statusIn(cluster)
	if item.Health != "Unhealthy" {
		return "it is " + cmp.Or(item.Health, "Unknown")
	}
	there := b.workloadIn(cluster, spec)
	if generation, says, _ := unstructured.NestedInt64(item.Status, "generation"); says {
		there.SetGeneration(generation)
	}
	switch there.GroupVersionKind().GroupKind().String() {
	case "Service", "Ingress.networking.k8s.io": // of which Karmada asks more than kstatus
		return "it is Unhealthy: no load balancer has given it an address"
	}
	if verdict, why := wait.Of(there); verdict != wait.Current {
		return "it is Unhealthy: " + why
	}
	return "it is Unhealthy"
}

// isOlder is true for the status of an object in a cluster that is of before a
// generation of it. Karmada says it of workloads
// (pkg/resourceinterpreter/default/native/reflectstatus.go).
func (a *aggregated) isOlder(generation int64) bool {
	of, says, _ := unstructured.NestedInt64(a.Status, "generation")
	return says && of < generation
}
