package drift

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// Fields lists where two objects differ, sorted by path. Items of lists are
// matched by name or by another key of theirs. Two objects that Normal made
// differ in no field exactly if they are equal.
func Fields(reference, object map[string]any) []v1alpha1.Difference {
	w := &walk{}
	w.maps(nil, reference, object)
	sort.SliceStable(w.found, func(i, j int) bool { return w.found[i].Path < w.found[j].Path })
	return w.found
}

// walk gathers the differences of two values.
type walk struct{ found []v1alpha1.Difference }

func (w *walk) add(p Path, a, b any) {
	w.found = append(w.found, v1alpha1.Difference{Path: p.String(), Reference: a, Value: b})
}

func (w *walk) values(p Path, a, b any) {
	switch a := a.(type) {
	case map[string]any:
		if b, both := b.(map[string]any); both {
			w.maps(p, a, b)
			return
		}
	case []any:
		if b, both := b.([]any); both {
			w.lists(p, a, b)
			return
		}
	}
	if encoded(a) != encoded(b) {
		w.add(p, a, b)
	}
}

func (w *walk) maps(p Path, a, b map[string]any) {
	names := maps.Clone(a)
	if names == nil {
		names = map[string]any{}
	}
	maps.Copy(names, b)
	for name := range names {
		at := p.with(step{field: name})
		inA, isA := a[name]
		inB, isB := b[name]
		if isA && isB {
			w.values(at, inA, inB)
		} else {
			w.add(at, inA, inB)
		}
	}
}

func (w *walk) lists(p Path, a, b []any) {
	if keys := keysOf(a, b); keys != nil && len(a) > 0 && len(b) > 0 {
		w.keyed(p, keys, a, b)
		return
	}
	isMap := func(item any) bool { return !isScalar(item) }
	if !slices.ContainsFunc(a, isMap) || !slices.ContainsFunc(b, isMap) {
		if encoded(a) != encoded(b) {
			w.add(p, a, b) // arguments, finalizers: one is nothing without the others
		}
		return
	}
	for i := range max(len(a), len(b)) {
		at := p.with(step{kind: byIndex, index: i})
		switch {
		case i >= len(a):
			w.add(at, nil, b[i])
		case i >= len(b):
			w.add(at, a[i], nil)
		default:
			w.values(at, a[i], b[i])
		}
	}
}

// keyed compares lists whose items the keys tell apart.
func (w *walk) keyed(p Path, keys []string, a, b []any) {
	index := func(list []any) map[string]any {
		items := make(map[string]any, len(list))
		for _, item := range list {
			id, _ := identify(item, keys)
			items[id] = item
		}
		return items
	}
	inA, inB := index(a), index(b)
	for id, item := range inA {
		at := p.with(stepTo(item, keys))
		if other, both := inB[id]; both {
			w.values(at, item, other)
		} else {
			w.add(at, item, nil)
		}
	}
	for id, item := range inB {
		if _, both := inA[id]; !both {
			w.add(p.with(stepTo(item, keys)), nil, item)
		}
	}
	if unordered(p[len(p)-1].field) {
		return
	}
	common := func(list []any, other map[string]any) []any {
		var order []any
		for _, item := range list {
			id, _ := identify(item, keys)
			if _, both := other[id]; both {
				order = append(order, strings.ReplaceAll(id, "\x00", "/"))
			}
		}
		return order
	}
	if orderA, orderB := common(a, inB), common(b, inA); !slices.Equal(orderA, orderB) {
		w.found = append(w.found, v1alpha1.Difference{Path: p.String(), Reference: orderA, Value: orderB, Order: true})
	}
}
