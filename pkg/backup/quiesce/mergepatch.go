package quiesce

import (
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// The algebra of JSON merge patches (RFC 7386): what one changes, and how that is put back. Lists are wholes, null takes away.

// undo is the patch that puts back what a patch changes of an object.
func undo(patch, object map[string]any) map[string]any {
	back := map[string]any{}
	for key, value := range patch {
		was, had := object[key]
		inner, isInner := value.(map[string]any)
		wasInner, wereInner := was.(map[string]any)
		switch {
		case isInner && wereInner:
			back[key] = undo(inner, wasInner)
		case had:
			back[key] = runtime.DeepCopyJSONValue(was)
		default:
			back[key] = nil
		}
	}
	return back
}

// contains is true if an object is as a patch makes it.
func contains(object, patch map[string]any) bool {
	for key, value := range patch {
		is, has := object[key]
		inner, isInner := value.(map[string]any)
		innerIs, areInner := is.(map[string]any)
		switch {
		case isInner:
			if !areInner || !contains(innerIs, inner) {
				return false
			}
		case value == nil:
			if has && is != nil {
				return false
			}
		case !reflect.DeepEqual(is, value):
			return false
		}
	}
	return true
}

// restore is what is left to put back of a patch: what it set and is still as it set it. before is what undo has made of it.
func restore(patch, before, object map[string]any) map[string]any {
	back := map[string]any{}
	for key, value := range patch {
		was := before[key]
		inner, isInner := value.(map[string]any)
		wasInner, wereInner := was.(map[string]any)
		innerIs, areInner := object[key].(map[string]any)
		switch {
		case isInner && areInner && (wereInner || was == nil):
			left := restore(inner, wasInner, innerIs)
			if was == nil && emptied(innerIs, left) {
				back[key] = nil // as it was; what others have added would stay
			} else {
				back[key] = left
			}
		case contains(object, map[string]any{key: value}):
			back[key] = runtime.DeepCopyJSONValue(was)
		}
	}
	return back
}

// emptied is true if a patch takes away all that an object has.
func emptied(object, patch map[string]any) bool {
	for key := range object {
		if value, has := patch[key]; !has || value != nil {
			return false
		}
	}
	return true
}

// annotated is a patch that sets Annotation, too, or takes it away.
func annotated(patch map[string]any, value any) map[string]any {
	patch = runtime.DeepCopyJSON(patch)
	meta, _ := patch["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
	}
	annotations, _ := meta["annotations"].(map[string]any)
	if annotations == nil {
		annotations = map[string]any{}
	}
	annotations[Annotation] = value
	meta["annotations"] = annotations
	patch["metadata"] = meta
	return patch
}

// decode reads JSON with the numbers that objects of the API have: whole ones are int64.
func decode(data []byte, into any) error { return utiljson.Unmarshal(data, into) }
