package hub

import (
	"context"
	"slices"
	"strings"

	"github.com/go-openapi/jsonpointer"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// recall reads what the set had before of each template: a Work or a cluster may have
// that still.
func (p *Plan) recall(ctx context.Context) error {
	revisions, err := p.Former(ctx)
	if err != nil {
		return err
	}
	p.former = map[set.Ref][]*unstructured.Unstructured{}
	for _, r := range revisions {
		for _, o := range r.All() {
			ref := set.RefOf(o).Unversioned()
			p.former[ref] = append(p.former[ref], o)
		}
	}
	return nil
}

// formerOf are the versions of a template that the set had before.
func (p *Plan) formerOf(c *direct.Change) []*unstructured.Unstructured {
	return p.former[set.RefOf(c.Object.Unstructured).Unversioned()]
}

// remains is true for an object that is at some path as a former version of it was, and
// not as it should be now. All three are as the set has them: what others add is none
// of its business. which chooses among the paths, in the notation of RFC 6901.
func remains(is, now *unstructured.Unstructured, former []*unstructured.Unstructured, which func(path string) bool) bool {
	return slices.ContainsFunc(former, func(before *unstructured.Unstructured) bool {
		return slices.ContainsFunc(patches(nil, content(now), content(before)), func(back patch) bool {
			path := pointerOf(back.path)
			if !which(path) {
				return false
			}
			pointer, err := jsonpointer.New(path)
			if err != nil {
				return false
			}
			value, _, missing := pointer.Get(is.Object)
			if back.operator == policyv1alpha1.OverriderOpRemove { // it was not there before
				return missing != nil
			}
			return missing == nil && sameJSON(value, back.value)
		})
	})
}

// isNote is true for the path of a label or annotation. A change of those makes no new
// generation, or need not.
func isNote(path string) bool { return within(path, "/metadata") }

// within is true for a path that is another one or below it.
func within(path, of string) bool { return path == of || strings.HasPrefix(path, of+"/") }

// touches is true if one of the paths is a path, below it or above it.
func touches(paths []string, path string) bool {
	return slices.ContainsFunc(paths, func(other string) bool { return within(path, other) || within(other, path) })
}

// arrived is false as long as a cluster has a template as it was before. Of labels and
// annotations, and of what has no generation, Karmada does not say which version it has
// applied; so the cluster is asked, if it can be.
func (g *gate) arrived(ctx context.Context, w *work, c *direct.Change) bool {
	former := g.plan.formerOf(c)
	if len(former) == 0 || g.there[c] {
		return true
	}
	if g.members == nil {
		objects, known := g.plan.in(ctx, g.cluster)
		if !known {
			return true
		}
		g.members = map[set.Ref]*unstructured.Unstructured{}
		for _, o := range objects {
			g.members[set.RefOf(o).Unversioned()] = o
		}
	}
	is := g.members[set.RefOf(c.Object.Unstructured).Unversioned()]
	overridden, _ := w.overridden()
	if is != nil && remains(is, c.Object.Unstructured, former, func(path string) bool {
		return (w.generation() == 0 || isNote(path)) && !touches(overridden, path)
	}) {
		return false
	}
	g.there[c] = true
	return true
}
