package direct

import (
	"bytes"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Clusters that get the same share it; whatever is different in one, its own is kept there.
func TestForms(t *testing.T) {
	t.Parallel()
	object := func() *unstructured.Unstructured { return set.Ref{Name: "settings"}.Object() }
	forms, one := NewForms(), object()
	of := func(o *unstructured.Unstructured, namespace, partOf string) *unstructured.Unstructured {
		t.Helper()
		form, err := forms.of(o, namespace, partOf)
		if err != nil {
			t.Fatal(err)
		}
		if form.GetNamespace() != namespace || form.GetLabels()[set.PartOfLabel] != partOf {
			t.Errorf("%q in %q, want %q in %q", form.GetLabels(), form.GetNamespace(), partOf, namespace)
		}
		return form
	}
	first := of(one, "a", "s")
	if of(one, "a", "s") != first {
		t.Error("the same is made twice")
	}
	for _, other := range []*unstructured.Unstructured{of(one, "b", "s"), of(one, "a", "other"), of(object(), "a", "s")} {
		if other == first {
			t.Error("another is taken for it")
		}
	}
	if len(one.GetLabels()) > 0 {
		t.Error("the input was changed")
	}

	restores := 1
	for _, r := range []*set.Revision{
		{Number: 1, Objects: []*unstructured.Unstructured{first}}, {Number: 1, Objects: []*unstructured.Unstructured{first}},
		{Number: 2, Objects: []*unstructured.Unstructured{first}}, {Number: 2, Objects: []*unstructured.Unstructured{of(one, "b", "s")}},
		{Number: 2, Objects: []*unstructured.Unstructured{first}, Restores: &restores},
		{Number: 2, Objects: []*unstructured.Unstructured{first}, Found: []set.Ref{{Name: "settings"}}},
	} {
		want, err := state.Pack(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := forms.pack(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("revision %+v is kept as another: %v", r, err)
		}
	}
}
