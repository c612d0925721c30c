package hub

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// patch is one step from a template to what a cluster gets (RFC 6902).
type patch struct {
	operator policyv1alpha1.OverriderOperator
	path     []string
	value    any
}

// patches are the steps from one value to another. Lists of one length are
// compared item by item, others are replaced as a whole.
func patches(at []string, from, to any) []patch {
	switch from := from.(type) {
	case map[string]any:
		if to, is := to.(map[string]any); is {
			return mapPatches(at, from, to)
		}
	case []any:
		if to, is := to.([]any); is && len(from) == len(to) {
			var steps []patch
			for i := range from {
				steps = append(steps, patches(child(at, strconv.Itoa(i)), from[i], to[i])...)
			}
			return steps
		}
	}
	if reflect.DeepEqual(from, to) {
		return nil
	}
	return []patch{{policyv1alpha1.OverriderOpReplace, at, to}}
}

func mapPatches(at []string, from, to map[string]any) []patch {
	var steps []patch
	for _, key := range slices.Sorted(maps.Keys(from)) {
		value, is := to[key]
		if !is {
			steps = append(steps, patch{policyv1alpha1.OverriderOpRemove, child(at, key), nil})
			continue
		}
		steps = append(steps, patches(child(at, key), from[key], value)...)
	}
	for _, key := range slices.Sorted(maps.Keys(to)) {
		if _, is := from[key]; !is {
			steps = append(steps, patch{policyv1alpha1.OverriderOpAdd, child(at, key), to[key]})
		}
	}
	return steps
}

func child(at []string, key string) []string { return append(slices.Clone(at), key) }

// overriders are patches as Karmada has them.
func overriders(steps []patch) (policyv1alpha1.Overriders, error) {
	var o policyv1alpha1.Overriders
	for _, s := range steps {
		one := policyv1alpha1.PlaintextOverrider{Path: pointerOf(s.path), Operator: s.operator}
		if s.operator != policyv1alpha1.OverriderOpRemove {
			text, err := json.Marshal(s.value)
			if err != nil {
				return o, err
			}
			one.Value = apiextensionsv1.JSON{Raw: text}
		}
		o.Plaintext = append(o.Plaintext, one)
	}
	return o, nil
}

// pointerOf is a path in the notation of RFC 6901.
func pointerOf(path []string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var pointer strings.Builder
	for _, key := range path {
		pointer.WriteString("/" + escape.Replace(key))
	}
	return pointer.String()
}
