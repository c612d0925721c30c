package direct

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

const (
	// fewObjects of one type in one namespace are asked for one by one.
	fewObjects = 4
	// pageObjects are as many as one answer lists.
	pageObjects = 500
	// perObject is how many objects are listed in the place of one that is asked for by
	// name: of a namespace that has more, the rest is asked for so.
	perObject = 8
)

// known is what was learned of the live objects by listing them.
type known struct {
	objects map[set.Ref]*unstructured.Unstructured
	// listed are the collections of which something was seen, and whole those of which
	// all was.
	listed, whole map[collection]bool
}

// collection is all objects of a type in a namespace.
type collection struct {
	resource  member.Resource
	namespace string
}

func (c *Change) collection() collection { return collection{c.Resource, c.Object.GetNamespace()} }

// learn lists the collections that have several of the wanted objects: one request
// in the place of many. What a list does not tell, also because the user may not
// list, is asked for by name later.
func (p *planner) learn(ctx context.Context, wanted []*Change) {
	p.known = known{objects: map[set.Ref]*unstructured.Unstructured{}, listed: map[collection]bool{}, whole: map[collection]bool{}}
	count := map[collection]int{}
	var lists []*Change // one of each collection
	for _, c := range wanted {
		if c.Untried {
			continue
		}
		at := c.collection()
		count[at]++
		if count[at] == fewObjects {
			lists = append(lists, c)
		}
	}
	_ = each(ctx, lists, func(ctx context.Context, c *Change) error {
		at := c.collection()
		seen := 0
		for page, err := range p.member.Objects(ctx, member.ListRequest{Resource: at.resource, Namespace: at.namespace, Limit: pageObjects}) {
			if err != nil {
				return nil
			}
			p.known.keep(&p.mu, at, page)
			if seen += len(page); seen >= max(pageObjects, perObject*count[at]) {
				return nil
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.known.whole[at] = true
		return nil
	})
}

// keep keeps a page of a collection.
func (k known) keep(mu sync.Locker, at collection, page []unstructured.Unstructured) {
	mu.Lock()
	defer mu.Unlock()
	k.listed[at] = true
	for i := range page {
		k.objects[set.RefOf(&page[i])] = &page[i]
	}
}

// read is the live object of a change; nil if there is none.
func (p *planner) read(ctx context.Context, c *Change) (*unstructured.Unstructured, error) {
	if live, is := p.known.objects[c.ref()]; is {
		return live, nil
	}
	if p.known.whole[c.collection()] {
		return nil, nil
	}
	live, err := p.member.Object(ctx, c.Resource, c.Object.GetNamespace(), c.Object.GetName())
	if member.IsObjectNotFound(err) {
		return nil, nil
	}
	return live, err
}
