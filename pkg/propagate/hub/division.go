package hub

import (
	"context"
	"fmt"
	"slices"
	"time"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

// misdivided says what a cluster should have of the replicas, where Karmada has divided
// them otherwise than the policy's weights do: a cluster that leaves the hub loses its
// share to the others, and has none when it is back. Empty where all is well, or where
// more than weights of clusters by their names decides.
func (b *binding) misdivided(cluster string, joined []string) string {
	weights := b.weights(joined)
	shares, err := weight.Split(b.Spec.Replicas, weights)
	if err != nil { // Karmada has no use for such weights either
		return ""
	}
	at := slices.IndexFunc(shares, func(s weight.Share) bool { return s.Cluster == cluster })
	if at < 0 || shares[at].Replicas == b.replicasIn(cluster) {
		return ""
	}
	// Of those with the same weight, Karmada has its own order.
	var wanted, is []int64
	for i, s := range shares {
		if weights[i].Weight == weights[at].Weight {
			wanted, is = append(wanted, s.Replicas), append(is, b.replicasIn(s.Cluster))
		}
	}
	slices.Sort(wanted)
	slices.Sort(is)
	if slices.Equal(wanted, is) {
		return ""
	}
	return fmt.Sprintf("Karmada gives the cluster %d of %d replicas, and by the weights it is %d", b.replicasIn(cluster), b.Spec.Replicas, shares[at].Replicas)
}

// weights are those of the clusters that have joined, where nothing but them decides how
// Karmada divides.
func (b *binding) weights(joined []string) []weight.Weight {
	placement := b.Spec.Placement
	if b.Spec.Replicas == 0 || placement == nil || placement.ClusterAffinity == nil || len(placement.SpreadConstraints) > 0 {
		return nil
	}
	scheduling := placement.ReplicaScheduling
	if scheduling == nil || placement.ReplicaSchedulingType() != policyv1alpha1.ReplicaSchedulingTypeDivided ||
		scheduling.ReplicaDivisionPreference != policyv1alpha1.ReplicaDivisionPreferenceWeighted ||
		scheduling.WeightPreference == nil || scheduling.WeightPreference.DynamicWeight != "" {
		return nil
	}
	rules := scheduling.WeightPreference.StaticWeightList
	if !isByNames(placement.ClusterAffinity) || slices.ContainsFunc(rules, func(r policyv1alpha1.StaticClusterWeight) bool { return !isByNames(&r.TargetCluster) }) {
		return nil
	}
	var weights []weight.Weight
	for _, cluster := range joined {
		if !includes(placement.ClusterAffinity, cluster) {
			continue
		}
		w := weight.Weight{Cluster: cluster}
		for _, r := range rules {
			if includes(&r.TargetCluster, cluster) {
				w.Weight = max(w.Weight, r.Weight)
			}
		}
		weights = append(weights, w)
	}
	return weights
}

// isByNames is true for an affinity that knows clusters by nothing but their names.
func isByNames(a *policyv1alpha1.ClusterAffinity) bool {
	return a.LabelSelector == nil && a.FieldSelector == nil && len(a.ClusterNames) > 0
}

func includes(a *policyv1alpha1.ClusterAffinity, cluster string) bool {
	return slices.Contains(a.ClusterNames, cluster) && !slices.Contains(a.ExcludeClusters, cluster)
}

// replicasIn is what a cluster has of the replicas that are divided.
func (b *binding) replicasIn(cluster string) int64 {
	for _, c := range b.Spec.Clusters {
		if c.Name == cluster {
			return c.Replicas
		}
	}
	return 0
}

// findAstray finds the templates that are as they are to be, and their policies, too,
// and that Karmada has scheduled otherwise than these say. By itself it would leave
// them so.
func (p *planner) findAstray(ctx context.Context) error {
	s, err := p.look(ctx)
	if err != nil {
		return err
	}
	for _, c := range p.Changes {
		b := s.binding(set.RefOf(c.Object.Unstructured))
		if c.Action != direct.ActionUnchanged || !isTemplate(c) || b == nil {
			continue
		}
		if by := p.claimant(b); by == nil || by.Action != direct.ActionUnchanged || p.behind(b, c) != "" {
			continue
		}
		if slices.ContainsFunc(p.names(), func(cluster string) bool {
			return b.placed(cluster, p.joined, func() bool { return p.defines(c) }).unscheduled != nil
		}) {
			c.Action, c.Why = direct.ActionReschedule, "Karmada has not scheduled it as its policy says"
		}
	}
	return nil
}

// rescheduleAstray has Karmada schedule them anew.
func (t *Turn) rescheduleAstray(ctx context.Context) error {
	astray := func(c *direct.Change) bool { return c.Action == direct.ActionReschedule }
	if !slices.ContainsFunc(t.Changes, astray) {
		return nil
	}
	s, err := t.look(ctx)
	if err != nil {
		return err
	}
	for _, c := range t.Changes {
		b := s.binding(set.RefOf(c.Object.Unstructured))
		if !astray(c) || b == nil { // of what has no binding the gate says so
			continue
		}
		if err := t.reschedule(ctx, b); err != nil {
			return err
		}
		t.at.hurries[b.UID] = time.Now()
	}
	return nil
}
