package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-openapi/jsonpointer"
	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// version is a template as the set had it before, and how it was overridden then.
type version struct {
	template *unstructured.Unstructured
	policies *policy.Set
}

// recall reads what the set had before of each template: a Work or a cluster may have
// that still.
func (p *Plan) recall(ctx context.Context) error {
	revisions, err := p.Former(ctx)
	if err != nil {
		return err
	}
	p.former, err = versionsIn(revisions)
	return err
}

// versionsIn are the templates of revisions, by set.Ref.Unversioned.
func versionsIn(revisions []*set.Revision) (map[set.Ref][]version, error) {
	former := map[set.Ref][]version{}
	for _, r := range revisions {
		var all []manifest.Object
		for _, o := range r.All() {
			all = append(all, manifest.Object{Unstructured: o})
		}
		policies, templates, err := policy.Split(all)
		if err != nil {
			return nil, fmt.Errorf("read revision %d: %w", r.Number, err)
		}
		for _, o := range templates {
			ref := set.RefOf(o.Unstructured).Unversioned()
			former[ref] = append(former[ref], version{o.Unstructured, policies})
		}
	}
	return former, nil
}

func (p *Plan) versions(c *direct.Change) []version {
	return p.former[set.RefOf(c.Object.Unstructured).Unversioned()]
}

// formerOf are the versions of a template that the set had before.
func (p *Plan) formerOf(c *direct.Change) []*unstructured.Unstructured {
	var list []*unstructured.Unstructured
	for _, v := range p.versions(c) {
		list = append(list, v.template)
	}
	return list
}

// formerIn are the versions of a template that the set had before as a cluster got them,
// and where they were overridden for it, in the notation of RFC 6901.
func (p *Plan) formerIn(c *direct.Change, cluster string) (list []*unstructured.Unstructured, paths []string) {
	for _, v := range p.versions(c) {
		o := v.template.DeepCopy()
		if changes, err := v.policies.Override(o, policy.Target{Name: cluster}); err == nil { // else Karmada did not bring it
			list = append(list, o)
			for _, change := range changes {
				paths = append(paths, change.Path)
			}
		}
	}
	return list, paths
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
			wanted, _, none := pointer.Get(now.Object)
			switch {
			case back.operator == policyv1alpha1.OverriderOpRemove: // it was not there before
				return missing != nil && !isOmitted(wanted)
			case missing != nil:
				return back.operator == policyv1alpha1.OverriderOpReplace && isOmitted(back.value)
			case none == nil && sameJSON(value, wanted): // 1.1, which as a quantity is the same as 1.10
				return false
			}
			return covers(value, back.value)
		})
	})
}

// covers is true for a value with all that another one says. An API server adds
// defaults, and writes quantities in a way of its own.
func covers(value, wanted any) bool {
	switch wanted := wanted.(type) {
	case map[string]any:
		fields, is := value.(map[string]any)
		if !is {
			return false
		}
		for key, one := range wanted {
			if has, is := fields[key]; is && !covers(has, one) || !is && !isOmitted(one) {
				return false
			}
		}
		return true
	case []any:
		items, is := value.([]any)
		return is && slices.EqualFunc(items, wanted, covers)
	case string:
		text, is := value.(string)
		return is && (text == wanted || sameQuantity(text, wanted))
	}
	return sameJSON(value, wanted)
}

func sameQuantity(a, b string) bool {
	one, err := quantity.ParseQuantity(a)
	if err != nil {
		return false
	}
	other, err := quantity.ParseQuantity(b)
	return err == nil && one.Cmp(other) == 0
}

// isOmitted is true for a value that an API server may leave out.
func isOmitted(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	case bool:
		return !value
	}
	return value == nil || sameJSON(value, 0)
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

// missing says what a cluster does not have of a template yet; empty if it has all. Of
// labels and annotations, of what has no generation and of overrides Karmada does not
// say which version it has applied; so the cluster is asked, if it can be.
func (g *gate) missing(ctx context.Context, b *binding, w *work, c *direct.Change) string {
	former, formerly := g.plan.formerIn(c, g.cluster)
	if len(former) == 0 {
		return ""
	}
	seen, before := g.there[c]
	if !before {
		if !g.ask(ctx) {
			return ""
		}
		is := g.members[set.RefOf(c.Object.Unstructured).Unversioned()]
		if is != nil && w.isAsBefore(is, c.Object.Unstructured, g.plan.formerOf(c), former, formerly) {
			return "the cluster does not have the change yet"
		}
		if is != nil {
			seen = is.GetGeneration()
		}
		g.there[c] = seen
	}
	if status, _ := b.statusIn(g.cluster); status.isOlder(seen) {
		return "its status is of before the change"
	}
	return ""
}

// isAsBefore is true for an object in a cluster that is not as a Work has it, and as a
// former version of its template was; or at a path that is overridden now or was
// formerly, as a former version was with its overrides.
func (w *work) isAsBefore(is, now *unstructured.Unstructured, templates, former []*unstructured.Unstructured, formerly []string) bool {
	overridden, _ := w.overridden()
	plain := func(path string) bool {
		return (w.generation() == 0 || isNote(path)) && !touches(overridden, path)
	}
	different := slices.Concat(overridden, formerly)
	return remains(is, now, templates, plain) ||
		remains(is, w.manifest(), former, func(path string) bool { return touches(different, path) })
}

// ask has the cluster say what it has of the set, once in a look. It is false where it
// cannot be asked.
func (g *gate) ask(ctx context.Context) bool {
	if g.members != nil {
		return true
	}
	objects, known := g.plan.in(ctx, g.cluster)
	if !known {
		return false
	}
	g.members = map[set.Ref]*unstructured.Unstructured{}
	for _, o := range objects {
		g.members[set.RefOf(o).Unversioned()] = o
	}
	return true
}
