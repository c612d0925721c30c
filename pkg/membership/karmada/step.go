package karmada

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Action is what happens to one object.
type Action string

// The actions.
const (
	ActionCreate Action = "Create"
	// ActionUpdate: it is there, and something of it changes.
	ActionUpdate Action = "Update"
	// ActionApply: it is there; a dry run without the server cannot tell whether
	// anything of it changes.
	ActionApply     Action = "Apply"
	ActionUnchanged Action = "Unchanged"
	// ActionKeep: it is there, others use it or made it, and it is left alone.
	ActionKeep   Action = "Keep"
	ActionDelete Action = "Delete"
)

// Step is what a plan does to one object.
type Step struct {
	// Cluster is where the object is: the member's name, or the hub's.
	Cluster string
	Action  Action
	// Object is what is applied, or what is there to be deleted or kept. It never
	// holds a token.
	Object *unstructured.Unstructured
	// Why says more, for what is not plain.
	Why string
}

// Changes is true if something is written.
func (s Step) Changes() bool { return s.Action != ActionUnchanged && s.Action != ActionKeep }

// changes counts the steps that write something.
func changes(steps []Step) int {
	n := 0
	for _, s := range steps {
		if s.Changes() {
			n++
		}
	}
	return n
}

// what names an object in messages.
func what(o *unstructured.Unstructured) string {
	if ns := o.GetNamespace(); ns != "" {
		return fmt.Sprintf("%s %s/%s", o.GetKind(), ns, o.GetName())
	}
	return fmt.Sprintf("%s %s", o.GetKind(), o.GetName())
}

// same compares two states of an object, but for what says who wrote it.
func same(a, b *unstructured.Unstructured) bool {
	bare := func(o *unstructured.Unstructured) map[string]any {
		o = o.DeepCopy()
		o.SetManagedFields(nil)
		o.SetResourceVersion("")
		return o.Object
	}
	return reflect.DeepEqual(bare(a), bare(b))
}

// withoutData is an object as it may be shown.
func withoutData(o *unstructured.Unstructured) *unstructured.Unstructured {
	if o.GetKind() != kindSecret {
		return o
	}
	o = o.DeepCopy()
	delete(o.Object, "data")
	return o
}
