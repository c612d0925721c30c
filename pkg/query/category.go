package query

import (
	"context"
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// AsCategory says what to ask instead, if what the request takes for a type is
// nowhere as such and a category, such as all, in some cluster. It is for a
// request that has been asked: report is what came of it. Clusters that failed
// have been asked enough, and are left out of the fleet to ask.
func AsCategory(ctx context.Context, f Fleet, r Request, report Report) (Fleet, Request, bool) {
	if len(r.Items) != 1 || r.Named() || len(report.Absent) != 1 || !report.Absent[0].Everywhere {
		return f, r, false
	}
	if _, unknown := errors.AsType[*member.NotInstalledError](report.Absent[0].Err); !unknown {
		return f, r, false
	}
	f.Clusters = slices.DeleteFunc(slices.Clone(f.Clusters), func(c inventory.Cluster) bool {
		return slices.ContainsFunc(report.Failures, func(failed fanout.Failure) bool { return failed.Cluster == c.Name })
	})
	var types []schema.GroupResource
	for _, result := range ask(ctx, f, func(ctx context.Context, m *member.Member) ([]schema.GroupResource, error) {
		return m.Category(ctx, r.Items[0].Type)
	}) {
		for _, t := range result.Value {
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	r.Items = nil
	for _, t := range types {
		r.Items = append(r.Items, Item{Type: t.String()})
	}
	return f, r, len(types) > 0
}

// Join adds what came of asking again those that had not failed.
func (r Report) Join(again Report) Report {
	again.Asked = r.Asked
	again.Failures = slices.Concat(r.Failures, again.Failures)
	return again
}
