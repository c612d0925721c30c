package query

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Fleet is whom a query asks, and how.
type Fleet struct {
	Clusters []inventory.Cluster
	Members  *member.Pool
	Fanout   fanout.Options
}

// ask connects to every cluster and runs fn there.
func ask[T any](ctx context.Context, f Fleet, fn func(ctx context.Context, m *member.Member) (T, error)) fanout.Results[T] {
	return fanout.Collect(ctx, f.Clusters, f.Fanout, connected(f, fn))
}

// connected connects to a cluster before it runs fn.
func connected[T any](f Fleet, fn func(ctx context.Context, m *member.Member) (T, error)) fanout.Func[T] {
	return func(ctx context.Context, c inventory.Cluster) (T, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			var none T
			return none, err
		}
		return fn(ctx, m)
	}
}
