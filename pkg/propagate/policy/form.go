package policy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// Note is what somebody who wrote a policy should know, and what stops nothing.
type Note struct {
	Origin manifest.Origin
	Text   string
}

// String is SOURCE:LINE: TEXT.
func (n Note) String() string { return fmt.Sprintf("%s: %s", n.Origin, n.Text) }

// form is a policy while it is read. All that is wrong with it is collected.
type form struct {
	object manifest.Object
	lines  manifest.Lines
	notes  []Note
	errs   []error
}

func newForm(o manifest.Object) *form { return &form{object: o, lines: o.Lines()} }

func (f *form) wrong(path manifest.Path, format string, args ...any) {
	f.errs = append(f.errs, f.lines.Errorf(path, format, args...))
}

func (f *form) note(path manifest.Path, text string) {
	f.notes = append(f.notes, Note{f.lines.Of(path), path.String() + ": " + text})
}

// decode fills into, a pointer to a struct, strictly.
func (f *form) decode(into any) bool {
	f.shape(nil, f.object.Object, reflect.TypeOf(into).Elem())
	if len(f.errs) > 0 {
		return false
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(f.object.Object, into); err != nil {
		f.errs = append(f.errs, &manifest.Error{Origin: f.object.Origin, Err: err})
	}
	return len(f.errs) == 0
}

// shape says what of a value does not fit its type: fields that it does not
// have, and values of another type. The decoders of apimachinery know the path
// of the former only.
func (f *form) shape(path manifest.Path, value any, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if value == nil {
		return
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		f.opaque(path, value, t)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		fields, is := value.(map[string]any)
		if !is {
			f.mistyped(path, value, "an object")
			return
		}
		known := fieldsOf(t)
		for name, v := range fields {
			if of, is := known[name]; is {
				f.shape(path.Child(name), v, of)
			} else {
				f.wrong(path.Child(name), "unknown field")
			}
		}
	case reflect.Map:
		fields, is := value.(map[string]any)
		if !is {
			f.mistyped(path, value, "an object")
			return
		}
		for name, v := range fields {
			f.shape(path.Child(name), v, t.Elem())
		}
	case reflect.Slice:
		items, is := value.([]any)
		if !is {
			f.mistyped(path, value, "a list")
			return
		}
		for i, v := range items {
			f.shape(path.Child(i), v, t.Elem())
		}
	case reflect.String:
		if _, is := value.(string); !is {
			f.mistyped(path, value, "a string")
		}
	case reflect.Bool:
		if _, is := value.(bool); !is {
			f.mistyped(path, value, "true or false")
		}
	default:
		n, is := value.(int64)
		if !is || reflect.Zero(t).OverflowInt(n) {
			f.mistyped(path, value, "a whole number")
		}
	}
}

// opaque is a value that its type reads itself, as times do.
func (f *form) opaque(path manifest.Path, value any, t reflect.Type) {
	data, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(data, reflect.New(t).Interface())
	}
	if err != nil {
		f.wrong(path, "%w", err)
	}
}

func (f *form) mistyped(path manifest.Path, value any, want string) {
	is := fmt.Sprintf("%v", value)
	switch value := value.(type) {
	case map[string]any:
		is = "an object"
	case []any:
		is = "a list"
	case string:
		is = fmt.Sprintf("%q", value)
	}
	f.wrong(path, "it is %s, and has to be %s", is, want)
}

// fieldsOf are the fields of a struct and of those inside it, by their names in
// JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" && strings.Contains(options, "inline") {
			maps.Copy(fields, fieldsOf(field.Type))
			continue
		}
		if name != "" && name != "-" {
			fields[name] = field.Type
		}
	}
	return fields
}

// err is all that is wrong, in the order of lines.
func (f *form) err() error {
	line := func(err error) int {
		if at, is := errors.AsType[*manifest.Error](err); is {
			return at.Origin.Line
		}
		return 0
	}
	slices.SortFunc(f.errs, func(a, b error) int {
		return cmp.Or(cmp.Compare(line(a), line(b)), cmp.Compare(a.Error(), b.Error()))
	})
	return errors.Join(f.errs...)
}
