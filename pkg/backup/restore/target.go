package restore

import (
	"cmp"
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Fleet is the targets of a run, and the way to them.
type Fleet struct {
	Clusters []inventory.Cluster
	Members  *member.Pool
	Fanout   fanout.Options
}

// Targets are the names of the clusters that a run restores into.
func Targets(x *v1alpha1.RestoreExecution) []string {
	var names []string
	for _, m := range x.Spec.Members {
		names = append(names, m.Target)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Name gives a target of a plan its name in the fleet, where it was called by its
// context's.
func Name(x *v1alpha1.RestoreExecution, as, name string) {
	for _, part := range partsOf(x, as) {
		part.Target = name
	}
}

// Identify writes down who a target is.
func Identify(x *v1alpha1.RestoreExecution, target string, uid types.UID) {
	for _, part := range partsOf(x, target) {
		part.TargetUID = uid
	}
}

// each does something in every target, side by side.
func each[T any](ctx context.Context, f Fleet, do func(context.Context, inventory.Cluster, *member.Member) (T, error)) fanout.Results[T] {
	return fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (T, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			var none T
			return none, err
		}
		return do(ctx, c, m)
	})
}

// partsOf are the members that are restored into a target.
func partsOf(x *v1alpha1.RestoreExecution, target string) []*v1alpha1.RestoreMember {
	var parts []*v1alpha1.RestoreMember
	for i := range x.Spec.Members {
		if x.Spec.Members[i].Target == target {
			parts = append(parts, &x.Spec.Members[i])
		}
	}
	return parts
}

// progressOf is how far a member has come.
func progressOf(x *v1alpha1.RestoreExecution, source string) *v1alpha1.RestoreProgress {
	i := slices.IndexFunc(x.Status.Members, func(p v1alpha1.RestoreProgress) bool { return p.Source == source })
	if i < 0 {
		return nil
	}
	return &x.Status.Members[i]
}

func serverOf(m *member.Member, part *v1alpha1.RestoreMember) velero.Server {
	return velero.Server{Member: m, Namespace: part.VeleroNamespace}
}

// byUID orders clusters for their locks.
func byUID(uids map[string]types.UID) func(a, b inventory.Cluster) int {
	return func(a, b inventory.Cluster) int {
		return cmp.Or(cmp.Compare(uids[a.Name], uids[b.Name]), cmp.Compare(a.Name, b.Name))
	}
}
