package render

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
)

// object is one object of one cluster. What the input has is shared by all
// clusters; own is called before it is changed.
type object struct {
	manifest.Object
	owned bool
	// overridden are the fields that overrides changed.
	overridden []overridden
	placement  *policy.Placement // nil: no policy placed it
}

// overridden is a field that was changed, and by what.
type overridden struct{ field, by string }

// Overridden is a field, as a JSON pointer, that overrides made different in a cluster,
// and what it is there: nothing where it was taken away, of a Secret a hash.
type Overridden struct {
	Object manifest.Object
	Field  string
	Value  any
}

// differs are the fields that overrides changed, each once.
func (o *object) differs() []Overridden {
	var fields []Overridden
	for i, one := range o.overridden {
		if slices.ContainsFunc(o.overridden[:i], func(before overridden) bool { return before.field == one.field }) {
			continue
		}
		shown := o.Unstructured
		if o.GroupVersionKind().GroupKind() == (schema.GroupKind{Kind: "Secret"}) {
			shown = o.DeepCopy()
			drift.HashSecret(shown)
		}
		fields = append(fields, Overridden{o.Object, one.field, valueAt(shown.Object, one.field)})
	}
	return fields
}

// valueAt is what a JSON pointer leads to; nil if there is nothing.
func valueAt(at any, pointer string) any {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for _, step := range strings.Split(pointer, "/")[1:] {
		switch now := at.(type) {
		case map[string]any:
			at = now[unescape.Replace(step)]
		case []any:
			i, err := strconv.Atoi(step)
			if step == end { // it was put behind what was the end then
				i, err = len(now)-1, nil
			}
			if err != nil || i < 0 || i >= len(now) {
				return nil
			}
			at = now[i]
		default:
			return nil
		}
	}
	return at
}

func (o *object) own() {
	if !o.owned {
		o.Unstructured, o.owned = o.DeepCopy(), true
	}
}

// put gives a field a value; nil takes the field away. What is missing on the way
// there is made.
func (o *object) put(path manifest.Path, value any) error {
	o.own()
	after, err := put(o.Unstructured.Object, path, value)
	if err != nil {
		return err
	}
	fields, is := after.(map[string]any)
	if !is {
		return errors.New("an object cannot be anything else")
	}
	o.Unstructured.Object = fields
	return nil
}

// end is the index behind the last item of a list, as in RFC 6901.
const end = "-"

func put(at any, path manifest.Path, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	switch at := at.(type) {
	case nil:
		made, err := put(map[string]any{}, path, value)
		if path[0] == end {
			made, err = put([]any{}, path, value)
		}
		return made, err
	case map[string]any:
		key, is := path[0].(string)
		if !is {
			return nil, fmt.Errorf("it has no item %d: it is an object", path[0])
		}
		child, err := put(at[key], path[1:], value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		if len(path) == 1 && value == nil {
			delete(at, key)
		} else {
			at[key] = child
		}
		return at, nil
	case []any:
		return putItem(at, path, value)
	}
	return nil, fmt.Errorf("it is %v, and has nothing below", at)
}

func putItem(list []any, path manifest.Path, value any) (any, error) {
	i, is := index(list, path[0])
	if !is {
		return nil, fmt.Errorf("%v is not one of its %d items, which are counted from 0", path[0], len(list))
	}
	if len(path) == 1 && value == nil {
		return slices.Delete(list, i, i+1), nil
	}
	if path[0] == end {
		list = append(list, nil)
	}
	child, err := put(list[i], path[1:], value)
	if err != nil {
		return nil, fmt.Errorf("[%d]: %w", i, err)
	}
	list[i] = child
	return list, nil
}

// index is where in a list a step of a path leads. "-" leads behind its end.
func index(list []any, step any) (int, bool) {
	switch step := step.(type) {
	case int:
		return step, step >= 0 && step < len(list)
	case string:
		if step == end {
			return len(list), true
		}
		i, err := strconv.Atoi(step)
		return i, err == nil && i >= 0 && i < len(list) && strconv.Itoa(i) == step
	}
	return 0, false
}

// look is the value of a field.
func look(at any, path manifest.Path) (any, bool) {
	for _, step := range path {
		switch in := at.(type) {
		case map[string]any:
			key, is := step.(string)
			if !is {
				return nil, false
			}
			if at, is = in[key]; !is {
				return nil, false
			}
		case []any:
			i, is := index(in, step)
			if !is || i == len(in) {
				return nil, false
			}
			at = in[i]
		default:
			return nil, false
		}
	}
	return at, true
}

// sets says whether a change of the field at a JSON pointer changes another.
func sets(pointer, field string) bool {
	return pointer == field || strings.HasPrefix(field, pointer+"/")
}
