package query

import (
	"context"
	"iter"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// TypeNames lists the types that can be listed in any of the clusters, such as
// pods and deployments.apps, sorted. A cluster that fails has none.
func TypeNames(ctx context.Context, f Fleet) []string {
	return union(ask(ctx, f, func(ctx context.Context, m *member.Member) ([]string, error) {
		types, err := m.ListableTypes(ctx)
		names := make([]string, len(types))
		for i, t := range types {
			names[i] = t.GroupResource().String()
		}
		return names, err
	}))
}

// ObjectNames lists the names of the objects in any of the clusters, sorted. A
// cluster that fails gives those it came to.
func ObjectNames(ctx context.Context, f Fleet, r Request) []string {
	return union(ask(ctx, f, func(ctx context.Context, m *member.Member) (names []string, err error) {
		tables := func(ctx context.Context, m *member.Member, ask member.ListRequest) iter.Seq2[*metav1.Table, error] {
			return m.Tables(ctx, ask, metav1.IncludeNone)
		}
		_, err = fetch(ctx, m, r, tables, func(a answer[*metav1.Table]) error {
			at := slices.IndexFunc(a.page.ColumnDefinitions, func(c metav1.TableColumnDefinition) bool { return c.Name == "Name" })
			for _, row := range a.page.Rows {
				if at >= 0 && at < len(row.Cells) {
					if name, is := row.Cells[at].(string); is {
						names = append(names, name)
					}
				}
			}
			return nil
		})
		return names, err
	}))
}

func union(results fanout.Results[[]string]) []string {
	var all []string
	for _, result := range results {
		all = append(all, result.Value...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
