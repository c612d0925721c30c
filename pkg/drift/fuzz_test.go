package drift_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "sigs.k8s.io/json"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
)

func normal(text []byte) map[string]any {
	content := map[string]any{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &content); err != nil {
		return nil
	}
	content["metadata"] = map[string]any{"name": "x"}
	return drift.Normal(&unstructured.Unstructured{Object: content}, drift.Options{})
}

// Of any two objects: they differ in a field exactly if they are in two groups;
// nothing differs from itself; and from the other side it is the same fields with
// the values exchanged.
func FuzzFields(f *testing.F) {
	f.Add([]byte(`{"spec":{"env":[{"name":"a","v":1},{"name":"b"}]}}`), []byte(`{"spec":{"env":[{"name":"b"},{"name":"a","v":2}]}}`))
	f.Add([]byte(`{"containers":[{"name":"a"},{"name":"b"}]}`), []byte(`{"containers":[{"name":"b"},{"name":"a"}]}`))
	f.Add([]byte(`{"ports":[{"name":"a","port":1},{"name":"a","port":2}]}`), []byte(`{"ports":[{"port":2,"name":"a"},{"port":"1"}]}`))
	f.Add([]byte(`{"a":[1,{"b":null}],"c":{}}`), []byte(`{"a":[[],1.0],"c":[]}`))
	f.Add([]byte(`{"a":[]}`), []byte(`{"a":[{"name":true}]}`))
	f.Fuzz(func(t *testing.T, textA, textB []byte) {
		a, b := normal(textA), normal(textB)
		if a == nil || b == nil {
			return
		}
		if self := drift.Fields(a, normal(textA)); len(self) > 0 {
			t.Errorf("%s differs from itself: %v", textA, self)
		}
		there, back := drift.Fields(a, b), drift.Fields(b, a)
		for i := range back {
			back[i].Reference, back[i].Value = back[i].Value, back[i].Reference
		}
		if diff := cmp.Diff(there, back); diff != "" {
			t.Errorf("not symmetric: %s", diff)
		}
		groups := drift.Groups([]drift.Copy{{Cluster: "a", Object: a}, {Cluster: "b", Object: b}}, nil)
		if (len(groups) == 1) != (len(there) == 0) {
			encodedA, _ := json.Marshal(a)
			encodedB, _ := json.Marshal(b)
			t.Errorf("%d groups, but the fields that differ are %v\n%s\n%s", len(groups), there, encodedA, encodedB)
		}
	})
}
