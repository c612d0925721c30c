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

// AsCategory says what to ask as well, if something that the request takes for a type
// is nowhere as such and a category, such as all, in some cluster. It is for a
// request that has been asked: report is what came of it, and is told no more of the
// absence of what is a category. Clusters that failed have been asked enough, and are left
// out of the fleet to ask. What is sorted, or limited, over all types is of one alone.
func AsCategory(ctx context.Context, f Fleet, r Request, report *Report) (Fleet, Request, bool) {
	if r.Named() || len(r.Items) > 1 && (r.SortBy != "" || r.Limit > 0) {
		return f, r, false
	}
	f.Clusters = slices.DeleteFunc(slices.Clone(f.Clusters), func(c inventory.Cluster) bool {
		return slices.ContainsFunc(report.Failures, func(failed fanout.Failure) bool { return failed.Cluster == c.Name })
	})
	r.Items = nil
	report.Absent = slices.DeleteFunc(report.Absent, func(a Absence) bool {
		unknown, is := errors.AsType[*member.NotInstalledError](a.Err)
		if !is || !a.Everywhere {
			return false
		}
		types := category(ctx, f, unknown.Type)
		r.Items = append(r.Items, types...)
		return len(types) > 0
	})
	return f, r, len(r.Items) > 0
}

// category is what is of a category in some cluster.
func category(ctx context.Context, f Fleet, name string) []Item {
	var types []schema.GroupResource
	for _, result := range ask(ctx, f, func(ctx context.Context, m *member.Member) ([]schema.GroupResource, error) {
		return m.Category(ctx, name)
	}) {
		for _, t := range result.Value {
			if !slices.Contains(types, t) {
				types = append(types, t)
			}
		}
	}
	items := make([]Item, len(types))
	for i, t := range types {
		items[i].Type = t.String()
	}
	return items
}

// Join adds what came of asking again those that had not failed.
func (r Report) Join(again Report) Report {
	again.Asked = r.Asked
	again.Shown += r.Shown
	again.Failures = slices.Concat(r.Failures, again.Failures)
	again.Absent = slices.Concat(r.Absent, again.Absent)
	return again
}
