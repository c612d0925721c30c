package query

import (
	"context"
	"errors"
	"iter"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// answer is what one cluster said to a Request, page by page.
type answer[P any] struct {
	// item indexes Request.Items.
	item     int
	resource member.Resource
	page     P
}

// lister lists one resource of one member, in pages.
type lister[P any] func(ctx context.Context, m *member.Member, r member.ListRequest) iter.Seq2[P, error]

// fetch asks one member for everything in the request and hands each page to
// take. It returns what the member does not have, and the first failure.
func fetch[P any](ctx context.Context, m *member.Member, r Request, list lister[P], take func(answer[P]) error) (missing []absence, err error) {
	for i, item := range r.Items {
		resource, err := m.Resource(ctx, item.Type)
		if member.ReasonOf(err) == member.ReasonNotInstalled && err != nil {
			missing = append(missing, absence{item: i})
			continue
		}
		if err != nil {
			return missing, err
		}
		for _, ask := range r.listRequests(item, resource, m.Cluster().Namespace) {
			absent, err := fetchOne(ctx, m, ask, list, func(page P) error {
				return take(answer[P]{item: i, resource: resource, page: page})
			})
			if err != nil {
				return missing, err
			}
			if absent {
				missing = append(missing, absence{item: i, name: ask.Name})
			}
		}
	}
	return missing, nil
}

func fetchOne[P any](ctx context.Context, m *member.Member, ask member.ListRequest, list lister[P], take func(P) error) (absent bool, err error) {
	for page, err := range list(ctx, m, ask) {
		if err != nil {
			// A collection that is not found is a type that was taken away
			// since discovery was cached.
			if member.ReasonOf(err) == member.ReasonNotFound {
				return true, nil
			}
			return false, err
		}
		if err := take(page); err != nil {
			return false, err
		}
	}
	return false, nil
}

// listRequests turns one item into the requests of the API: one for the
// collection, or one for each name.
func (r Request) listRequests(item Item, resource member.Resource, own string) []member.ListRequest {
	ask := member.ListRequest{Resource: resource, LabelSelector: r.LabelSelector, Limit: r.ChunkSize}
	switch {
	case !resource.Namespaced, r.AllNamespaces:
	case r.Namespace != "":
		ask.Namespace = r.Namespace
	case own != "":
		ask.Namespace = own
	default:
		ask.Namespace = "default"
	}
	if len(item.Names) == 0 {
		return []member.ListRequest{ask}
	}
	asks := make([]member.ListRequest, len(item.Names))
	for i, name := range item.Names {
		asks[i] = ask
		asks[i].Name = name
	}
	return asks
}

// errStopped ends a fetch whose reader has gone.
var errStopped = errors.New("the reader stopped")
