package quiesce

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/runtime"
)

// What undo makes of a patch puts back what it changed, as an API server understands both, and leaves alone what it did not touch.
func TestUndo(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same in every run
	for range 5000 {
		object, patch := someObject(random, 3, false), someObject(random, 3, true)
		was := runtime.DeepCopyJSON(object)
		before := undo(patch, object)
		if !reflect.DeepEqual(was, object) {
			t.Fatal("the object was changed")
		}
		frozen := merged(t, object, patch)
		if !contains(frozen, patch) {
			t.Fatalf("%v does not contain %v", frozen, patch)
		}
		if got := merged(t, frozen, before); !reflect.DeepEqual(got, was) {
			t.Fatalf("patch %v of %v, undone by %v: %v", patch, was, before, got)
		}
		if got := merged(t, frozen, restore(patch, before, frozen)); !reflect.DeepEqual(got, was) {
			t.Fatalf("patch %v of %v, restored: %v", patch, was, got)
		}
	}
}

// What somebody else has changed meanwhile stays as they made it.
func TestRestoreLeavesOthersChanges(t *testing.T) {
	t.Parallel()
	patch := parsed(t, `{"spec":{"replicas":0,"paused":true,"strategy":{"type":"None"},"fence":{"all":true}}}`)
	before := undo(patch, parsed(t, `{"spec":{"replicas":3,"strategy":{"type":"Rolling"}}}`))
	now := parsed(t, `{"spec":{"replicas":7,"paused":true,"strategy":{"type":"None"},"fence":{"all":true,"theirs":1},"more":1}}`)
	if contains(now, patch) {
		t.Error("it is taken for unbroken")
	}
	want := parsed(t, `{"spec":{"replicas":7,"strategy":{"type":"Rolling"},"fence":{"theirs":1},"more":1}}`)
	if got := merged(t, now, restore(patch, before, now)); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	if err := decode([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// someObject has few keys, so that patch and object meet. A patch has nulls, an object of the API has none.
func someObject(random *rand.Rand, depth int, nulls bool) map[string]any {
	o := map[string]any{}
	for _, key := range []string{"a", "b", "c"} {
		switch n := random.IntN(6); {
		case n == 0 && nulls:
			o[key] = nil
		case n == 1:
			o[key] = random.Int64N(3)
		case n == 2:
			o[key] = []any{"x", random.Int64N(2)}
		case n <= 4 && depth > 0:
			o[key] = someObject(random, depth-1, nulls)
		}
	}
	return o
}

func merged(t *testing.T, o, patch map[string]any) map[string]any {
	t.Helper()
	text := [2][]byte{}
	for i, value := range []map[string]any{o, patch} {
		var err error
		if text[i], err = json.Marshal(value); err != nil {
			t.Fatal(err)
		}
	}
	result, err := jsonpatch.MergePatch(text[0], text[1])
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, string(result))
}
