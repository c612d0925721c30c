package query

import (
	"context"
	"errors"
	"iter"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Two bounds on what waits for its turn: pages of one cluster, and bytes of all
// clusters together, as they came.
const (
	readAheadPages = 2
	readAheadBytes = 32 << 20
)

// firstPageBytes is what a page is taken for before the first one is there.
const firstPageBytes = 2 << 20

// objectReader reads one cluster ahead of its turn. Pages wait as they came:
// decoded, they are ten times as large.
type objectReader struct {
	index   int
	request Request
	budget  *budget
	pages   chan answer[member.RawPage]
	missing []absence
	objects int
	// broken is set by drain when an object cannot be decoded. The rest of the
	// cluster is then read and dropped.
	broken error
	shown  int
}

func (o *objectReader) count() int {
	if o == nil {
		return 0
	}
	return o.objects
}

func (o *objectReader) read(ctx context.Context, c inventory.Cluster, members *member.Pool) (err error) {
	defer close(o.pages) // whatever happens: the reader in front of it waits for this
	m, err := members.Member(ctx, c)
	if err != nil {
		return err
	}
	expected := int64(firstPageBytes)
	if err := o.budget.take(ctx, o.index, expected); err != nil {
		return err
	}
	taken := expected // for the page to come
	defer func() { o.budget.give(taken) }()
	list := func(ctx context.Context, m *member.Member, ask member.ListRequest) iter.Seq2[member.RawPage, error] {
		return m.RawObjects(ctx, ask)
	}
	o.missing, err = fetch(ctx, m, o.request, list, func(page answer[member.RawPage]) error {
		size := page.page.Size()
		o.budget.give(taken - size) // what it really is; drain gives it back
		taken = 0
		select {
		case o.pages <- page:
			o.objects += len(page.page.Items)
		case <-ctx.Done():
			o.budget.give(size)
			return context.Cause(ctx)
		}
		if o.request.enough(o.objects) {
			return errEnough
		}
		if err := o.budget.take(ctx, o.index, size); err != nil {
			return err
		}
		taken = size
		return nil
	})
	if err != nil && o.objects > 0 && !errors.Is(err, errEnough) {
		return member.Incomplete(o.objects, err)
	}
	return err
}

// drain hands over the cluster's objects until it has no more. ended closes
// when no cluster is read any longer, one that was skipped included.
func (o *objectReader) drain(cluster string, ended <-chan struct{}, take func(Object) error) error {
	for {
		var page answer[member.RawPage]
		var more bool
		select {
		case page, more = <-o.pages:
		case <-ended:
			select {
			case page, more = <-o.pages: // what was sent before the end
			default:
			}
		}
		if !more {
			return nil
		}
		if err := o.hand(cluster, page, take); err != nil {
			return err
		}
		o.budget.give(page.page.Size())
	}
}

// hand decodes a page, object by object, and hands them over.
func (o *objectReader) hand(cluster string, page answer[member.RawPage], take func(Object) error) error {
	for i := 0; i < len(page.page.Items) && o.broken == nil; i++ {
		object, err := page.page.Object(i)
		if err != nil {
			o.broken = member.Incomplete(o.shown, err) // this cluster's failure alone
			continue
		}
		o.request.annotate(object, cluster)
		if err := take(Object{Cluster: cluster, Resource: page.resource, Unstructured: object}); err != nil {
			return err
		}
		o.shown++
	}
	return nil
}
