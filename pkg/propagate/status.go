package propagate

import (
	"context"
	"maps"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Inspect looks at one set of every cluster, or with an empty name at all sets.
func Inspect(ctx context.Context, f Fleet, stateNamespace, name string) fanout.Results[[]direct.Status] {
	return fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) ([]direct.Status, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		return direct.Inspect(ctx, m, stateNamespace, name)
	})
}

// SetNames lists the names of the sets of all clusters that answer.
func SetNames(ctx context.Context, f Fleet, stateNamespace string) []string {
	names := map[string]bool{}
	for _, r := range fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) ([]*set.Set, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		return set.List(ctx, state.Store{Member: m, Namespace: stateNamespace})
	}) {
		for _, s := range r.Value {
			names[s.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
