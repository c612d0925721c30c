package scale

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/evict"
)

// Budgets are the PodDisruptionBudgets of clusters, and what they allow.
func Budgets(ctx context.Context, f Fleet) fanout.Results[[]*v1alpha1.BudgetState] {
	return fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) ([]*v1alpha1.BudgetState, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		watching, stop := context.WithCancel(ctx)
		defer stop()
		view, err := evict.NewView(watching, m)
		if err != nil {
			return nil, err
		}
		index := budget.NewIndex(view.Budgets())
		shared := map[*budget.Budget][]string{}
		for _, p := range view.Pods() {
			if of := index.Of(p); len(of) > 1 && budget.Counts(p) {
				for _, b := range of {
					shared[b] = append(shared[b], p.Name)
				}
			}
		}
		var list []*v1alpha1.BudgetState
		for _, b := range index.All() {
			list = append(list, &v1alpha1.BudgetState{
				TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BudgetStateKind},
				ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name},
				Class:      string(b.Class()), Demand: b.Demand(), Allowed: b.Allowed(), Healthy: int(b.Status.CurrentHealthy), Pods: int(b.Status.ExpectedPods),
				Shared: shared[b], Fix: b.Fix(),
			})
		}
		return list, nil
	})
}

// Obstructs is true for a budget that lets no pod, or not every pod, go.
func Obstructs(b *v1alpha1.BudgetState) bool {
	return b.Class != string(budget.Open) || len(b.Shared) > 0
}
