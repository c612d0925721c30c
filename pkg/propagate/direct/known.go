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
	// absent are objects that were asked for by name, and are not there.
	absent map[set.Ref]bool
}

// collection is all objects of a type in a namespace.
type collection struct {
	resource  member.Resource
	namespace string
}

func (c *Change) collection() collection { return collection{c.Resource, c.Object.GetNamespace()} }

// learn lists the collections that have several of the wanted objects: one request
// in the place of many. Beside that it looks for the wanted namespaces, since in one
// that is not there the server can try nothing. What is not told here, also because the
// user may not ask, is asked for by name later.
func (p *planner) learn(ctx context.Context, wanted []*Change) {
	p.known = known{objects: map[set.Ref]*unstructured.Unstructured{}, listed: map[collection]bool{}, whole: map[collection]bool{}, absent: map[set.Ref]bool{}}
	count := map[collection]int{}
	var lists, namespaces []*Change // lists has one of each collection
	for _, c := range wanted {
		if c.Untried {
			continue
		}
		at := c.collection()
		count[at]++
		if count[at] == fewObjects {
			lists = append(lists, c)
		}
		if c.stage() == stageNamespaces {
			namespaces = append(namespaces, c)
		}
	}
	if len(namespaces) < fewObjects {
		lists = append(lists, namespaces...)
	}
	_ = each(ctx, lists, func(ctx context.Context, c *Change) error {
		at := c.collection()
		if count[at] < fewObjects {
			p.find(ctx, c)
			return nil
		}
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
	for _, c := range namespaces {
		if live, told := p.known.of(c); told && live == nil {
			p.missing[c.Object.GetName()] = true
		}
	}
}

// find asks for one object by name.
func (p *planner) find(ctx context.Context, c *Change) {
	live, err := p.member.Object(ctx, c.Resource, c.Object.GetNamespace(), c.Object.GetName())
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil:
		p.known.objects[c.ref()] = live
	case member.IsObjectNotFound(err):
		p.known.absent[c.ref()] = true
	}
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

// of is the live object of a change, nil if there is none, as far as that is told.
func (k known) of(c *Change) (live *unstructured.Unstructured, told bool) {
	if live, is := k.objects[c.ref()]; is {
		return live, true
	}
	return nil, k.whole[c.collection()] || k.absent[c.ref()]
}

// read is the live object of a change; nil if there is none.
func (p *planner) read(ctx context.Context, c *Change) (*unstructured.Unstructured, error) {
	if live, told := p.known.of(c); told {
		return live, nil
	}
	live, err := p.member.Object(ctx, c.Resource, c.Object.GetNamespace(), c.Object.GetName())
	if member.IsObjectNotFound(err) {
		return nil, nil
	}
	return live, err
}
