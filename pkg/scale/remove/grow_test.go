package remove

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A pool says by its Machines which nodes it keeps. A MachinePool that has none says so
// itself.
func TestNodesOfPools(t *testing.T) {
	t.Parallel()
	machine := func(node string) unstructured.Unstructured {
		return unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"nodeRef": map[string]any{"name": node}}}}
	}
	for name, test := range map[string]struct {
		machines []unstructured.Unstructured
		refs     []any
		want     []string
	}{
		"none has come":               {machines: []unstructured.Unstructured{machine("")}},
		"by its Machines":             {machines: []unstructured.Unstructured{machine("b"), machine("a")}, want: []string{"a", "b"}},
		"by itself":                   {refs: []any{map[string]any{"name": "b"}, map[string]any{"name": "a"}}, want: []string{"a", "b"}},
		"by both, and each once":      {machines: []unstructured.Unstructured{machine("a")}, refs: []any{map[string]any{"name": "a"}}, want: []string{"a"}},
		"what it says cannot be read": {refs: []any{"a", map[string]any{"name": int64(1)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pool{object: &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"nodeRefs": test.refs}}}, machines: test.machines}
			if got := p.nodes(); !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
