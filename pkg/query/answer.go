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
		f := &fetcher[P]{ctx: ctx, m: m, r: r, item: i, list: list, take: take}
		resource, err := m.Resource(ctx, item.Type)
		if err == nil {
			err = f.fetch(resource)
		}
		if errors.Is(err, errMoved) {
			resource, err = m.ResourceNow(ctx, item.Type)
			if err == nil {
				f.again, f.missing = true, nil
				err = f.fetch(resource)
			}
		}
		missing = append(missing, f.missing...)
		if errors.Is(err, errEnough) {
			return missing, nil
		}
		if isNotInstalled(err) {
			missing = append(missing, absence{item: i})
			continue
		}
		if err != nil {
			return missing, err
		}
	}
	return missing, nil
}

func isNotInstalled(err error) bool {
	return err != nil && member.ReasonOf(err) == member.ReasonNotInstalled
}

// errMoved: the server has nothing where discovery, perhaps an old one, said
// that the type is.
var errMoved = errors.New("not where discovery said")

// fetcher fetches one item of a request from one member.
type fetcher[P any] struct {
	ctx     context.Context //nolint:containedctx // lives for one item
	m       *member.Member
	r       Request
	item    int
	list    lister[P]
	take    func(answer[P]) error
	again   bool // the type was looked up anew
	missing []absence
}

func (f *fetcher[P]) fetch(resource member.Resource) error {
	for _, ask := range f.r.listRequests(f.r.Items[f.item], resource, f.m.Cluster().Namespace) {
		for page, err := range f.list(f.ctx, f.m, ask) {
			switch {
			case err == nil:
				err = f.take(answer[P]{item: f.item, resource: resource, page: page})
			case ask.Name != "" && member.IsObjectNotFound(err):
				f.missing = append(f.missing, absence{item: f.item, name: ask.Name})
				continue
			case member.ReasonOf(err) == member.ReasonNotFound && !f.again:
				return errMoved
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// listRequests turns one item into the requests of the API: one for the
// collection, or one for each name.
func (r Request) listRequests(item Item, resource member.Resource, own string) []member.ListRequest {
	ask := member.ListRequest{
		Resource: resource, LabelSelector: r.LabelSelector, FieldSelector: r.FieldSelector,
		Subresource: r.Subresource, Limit: r.pageSize(),
	}
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

// pageSize is how many objects to ask for at once: never more than are wanted.
func (r Request) pageSize() int64 {
	if r.Limit == 0 || r.SortBy != "" {
		return r.ChunkSize
	}
	if r.ChunkSize == 0 {
		return int64(r.Limit)
	}
	return min(r.ChunkSize, int64(r.Limit))
}

// enough tells whether one cluster has given all that can be wanted of it.
func (r Request) enough(got int) bool {
	return r.Limit > 0 && r.SortBy == "" && got >= r.Limit
}

// errEnough ends the fetch of a cluster that has given all that is wanted.
var errEnough = errors.New("enough")

// errStopped ends a fetch whose reader has gone.
var errStopped = errors.New("the reader stopped")
