package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// FieldError is a field of a document that cannot be meant.
type FieldError struct {
	// Path is such as spec.members[0].required; empty for the document itself.
	Path string
	// Line is where the file has it, from 1; 0 where that is not known.
	Line int
	Err  error
}

func (e *FieldError) Error() string {
	text := e.Err.Error()
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if e.Line > 0 {
		text = fmt.Sprintf("line %d: %s", e.Line, text)
	}
	return text
}

func (e *FieldError) Unwrap() error { return e.Err }

// strictly decodes JSON. What it does not know, or cannot mean, is a *FieldError.
func strictly(text []byte, into any) error {
	unknown, err := kjson.UnmarshalStrict(text, into)
	if err != nil {
		return explain(text, into, err)
	}
	all := make([]error, len(unknown))
	for i, err := range unknown {
		all[i] = err
		if field, is := errors.AsType[kjson.FieldError](err); is {
			what, _, _ := strings.Cut(err.Error(), ` "`) // unknown field, or duplicate field
			all[i] = &FieldError{Path: field.FieldPath(), Err: errors.New(what)}
		}
	}
	return errors.Join(all...)
}

// Explain says of a document in YAML or JSON that cannot be decoded which field is why,
// what it is to be, and on which line: the decoder's error speaks of types of Go.
func Explain(text []byte, into any, err error) error {
	asJSON, unread := yaml.YAMLToJSON(text)
	if unread != nil {
		return err
	}
	return located(text, explain(asJSON, into, err))
}

// explain finds the first field without which the document could be decoded.
func explain(text []byte, into any, err error) error {
	var document any
	if json.Unmarshal(text, &document) != nil {
		return err
	}
	s := search{into: reflect.TypeOf(into).Elem()}
	path, value, why := s.culprit(nil, document)
	if why == nil { // no field by itself
		return err
	}
	wants := expected(s.typeAt(path))
	isType := strings.Contains(why.Error(), "cannot unmarshal") // of decoders whose types of errors differ
	switch {
	case wants == "" && isType:
		why = fmt.Errorf("it cannot be %s", shown(value))
	case wants == "":
	case isType:
		why = fmt.Errorf("want %s, and it is %s", wants, shown(value))
	default:
		why = fmt.Errorf("want %s, and it is %s (%w)", wants, shown(value), why)
	}
	return &FieldError{Path: pathText(path), Err: why}
}

// search looks for a field that a type does not take. A step of a path is the name of a
// field, or a place in a list.
type search struct{ into reflect.Type }

// culprit is the first field, from the top, that cannot be decoded even by itself and
// with nothing in it.
func (s search) culprit(path []any, value any) ([]any, any, error) {
	hollow := value
	switch value.(type) {
	case map[string]any:
		hollow = map[string]any{}
	case []any:
		hollow = []any{}
	}
	if err := s.decode(path, hollow); err != nil {
		return path, value, err
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if path, value, err := s.culprit(append(slices.Clone(path), key), value[key]); err != nil {
				return path, value, err
			}
		}
	case []any:
		for i, item := range value {
			if path, value, err := s.culprit(append(slices.Clone(path), i), item); err != nil {
				return path, value, err
			}
		}
	}
	return nil, nil, nil
}

// decode decodes a document that has one field alone.
func (s search) decode(path []any, value any) error {
	for _, step := range slices.Backward(path) {
		if name, is := step.(string); is {
			value = map[string]any{name: value}
		} else {
			value = []any{value}
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return kjson.UnmarshalCaseSensitivePreserveInts(text, reflect.New(s.into).Interface())
}

// typeAt is the type of a field; nil for one that is not known.
func (s search) typeAt(path []any) reflect.Type {
	at := s.into
	for _, step := range path {
		for at != nil && at.Kind() == reflect.Pointer {
			at = at.Elem()
		}
		name, isName := step.(string)
		switch {
		case at == nil:
			return nil
		case isName && at.Kind() == reflect.Struct:
			at = fieldOf(at, name)
		case at.Kind() == reflect.Map, !isName && at.Kind() == reflect.Slice:
			at = at.Elem()
		default:
			return nil
		}
	}
	for at != nil && at.Kind() == reflect.Pointer {
		at = at.Elem()
	}
	return at
}

// fieldOf is the type of the field that JSON calls so; nil if there is none.
func fieldOf(t reflect.Type, name string) reflect.Type {
	for field := range t.Fields() {
		called, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if called == name {
			return field.Type
		}
		if field.Anonymous && called == "" && field.Type.Kind() == reflect.Struct {
			if found := fieldOf(field.Type, name); found != nil {
				return found
			}
		}
	}
	return nil
}

// expected is what a value of a type is to be, for who does not know Go; empty where
// there are no words for it.
func expected(t reflect.Type) string {
	if t == nil {
		return ""
	}
	switch t.String() {
	case "v1.Duration":
		return "a duration such as 90s or 720h"
	case "v1.Time":
		return "a time such as 2026-11-20T12:00:00Z"
	}
	switch t.Kind() { //nolint:exhaustive // of the others no field of ours is
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "fields"
	}
	return ""
}

// shown is a value in a sentence.
func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return "empty"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return fmt.Sprintf("%q", value)
	default:
		return fmt.Sprint(value)
	}
}

func pathText(path []any) string {
	text := &strings.Builder{}
	for _, step := range path {
		name, is := step.(string)
		switch {
		case !is:
			_, _ = fmt.Fprintf(text, "[%d]", step)
		case text.Len() > 0:
			text.WriteString("." + name)
		default:
			text.WriteString(name)
		}
	}
	return text.String()
}
