package manifest_test

import (
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

const document = `# a comment
apiVersion: v1
kind: ConfigMap
spec: &spec
  rules:
  - name: a
    paths: [x,
      y]
  - {name: b,
     value: 1}
again: *spec
`

func TestLinesOf(t *testing.T) {
	text := []byte(document)
	list := []byte("kind: List\nitems:\n- kind: A\n- kind: B\n  spec:\n    x: 1\n")
	json := []byte("{\"spec\": {\n  \"x\": [1,\n    2]}}")
	for _, c := range []struct {
		name   string
		object manifest.Object
		path   manifest.Path
		want   string
	}{
		{"a key", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 1}, Document: text}, manifest.Path{"kind"}, "f:3"},
		{"the document is not the first", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 11}, Document: text}, manifest.Path{"kind"}, "f:13"},
		{"an item", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 1}, Document: text}, manifest.Path{"spec", "rules", 1}, "f:9"},
		{"flow style", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 1}, Document: text}, manifest.Path{"spec", "rules", 1, "value"}, "f:10"},
		{"a list over two lines", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 1}, Document: text}, manifest.Path{"spec", "rules", 0, "paths", 1}, "f:8"},
		{"by an alias", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 1}, Document: text}, manifest.Path{"again", "rules", 1, "value"}, "f:10"},
		{"the nearest above", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 1}, Document: text}, manifest.Path{"spec", "rules", 0, "none", "x"}, "f:6"},
		{"an index too many", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 1}, Document: text}, manifest.Path{"spec", "rules", 7}, "f:5"},
		{"nothing of it", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 4}, Document: text}, manifest.Path{"status"}, "f:4"},
		{"an item of a List", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 1}, Document: list, Within: manifest.Path{"items", 1}}, manifest.Path{"spec", "x"}, "f:6"},
		{"JSON", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 1}, Document: json}, manifest.Path{"spec", "x", 1}, "f:3"},
		{"no text", manifest.Object{Origin: manifest.Origin{Source: "f", Line: 5}}, manifest.Path{"spec"}, "f:5"},
		{"no lines", manifest.Object{Origin: manifest.Origin{Source: "c1"}, Document: text}, manifest.Path{"spec"}, "c1"},
	} {
		if got := c.object.Lines().Of(c.path).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestLinesErrorf(t *testing.T) {
	o := manifest.Object{Origin: manifest.Origin{Source: "f", Line: 1}, Document: []byte(document)}
	path := manifest.Path{"spec"}
	err := o.Lines().Errorf(path.Child("rules", 1, "name"), "not %s", "b")
	if got, want := err.Error(), "f:9: spec.rules[1].name: not b"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if len(path) != 1 {
		t.Errorf("Child changed its parent: %v", path)
	}
}

// Of an object that was read, the lines are the file's.
func TestLinesOfParsed(t *testing.T) {
	objects, err := manifest.Parse("f", []byte("# first\n---\n\n# second\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n  metadata: {name: a}\n- apiVersion: v1\n  kind: B\n  metadata:\n    name: b\n"))
	if err != nil || len(objects) != 2 {
		t.Fatal(objects, err)
	}
	if got, want := objects[1].Lines().Of(manifest.Path{"metadata", "name"}).String(), "f:14"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
