package manifest

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	objects, err := Parse("a.yaml", []byte(`# a comment

apiVersion: v1
kind: ConfigMap
metadata: {name: one, namespace: x}
data: {n: "1"}
--- # the second
---

apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret, metadata: {name: two}}
- {apiVersion: v1, kind: Service, metadata: {name: three}}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.Origin.String()+" "+o.What())
	}
	want := "a.yaml:3 ConfigMap x/one, a.yaml:10 Secret two, a.yaml:10 Service three"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	if text := string(objects[0].Document); !strings.HasPrefix(text, "apiVersion: v1\nkind: ConfigMap") {
		t.Errorf("the document does not begin where its object does: %q", text)
	}
}

func TestParseJSON(t *testing.T) {
	objects, err := Parse("a.json", []byte("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\n\"metadata\":{\"name\":\"a\"}}\n\n{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"b\"}}"))
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) != 2 || objects[1].Origin.Line != 4 {
		t.Fatalf("got %v", objects)
	}
}

// YAML may begin with a brace, too.
func TestParseFlow(t *testing.T) {
	objects, err := Parse("a.yaml", []byte("{apiVersion: v1, kind: Secret, metadata: {name: a}}\n---\n{ apiVersion: v1, kind: Secret, metadata: {name: b}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) != 2 || objects[1].Origin.Line != 3 || objects[1].GetName() != "b" {
		t.Fatalf("got %v", objects)
	}
}

// Every error says file and line, and what is wrong there.
func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"not YAML", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: [\n", "f:6: "},
		{"a tab", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n", "f:4: found character that cannot start any token"},
		{"a key twice", "---\napiVersion: v1\nkind: A\nmetadata:\n  name: a\n  name: b\n", `f:6: key "name" already set in map`},
		{"no kind", "\n\nmetadata: {name: x}\n", "f:3: kind is missing"},
		{"no apiVersion", "kind: Pod\nmetadata: {name: x}\n", "f:1: apiVersion of the Pod is missing"},
		{"no name", "apiVersion: v1\nkind: Pod\n", "f:1: metadata.name of the Pod is missing"},
		{"generateName", "apiVersion: v1\nkind: Pod\nmetadata: {generateName: x-}\n", "give it metadata.name"},
		{"a number for a name", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: 1\n", "f:4: metadata.name: 1 is no text: put it in quotes"},
		{"a yes for a namespace", "apiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: y}\n", "f:3: metadata.namespace: true is no text"},
		{"a number for a label", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  labels:\n    app: web\n    version: 1.2\n", "f:7: metadata.labels.version: 1.2 is no text"},
		{"nothing for a label, in a list", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: x\n    labels: {app: }\n", "f:8: metadata.labels.app: null is no text"},
		{"text for annotations", "apiVersion: v1\nkind: Pod\nmetadata: {name: x, annotations: a}\n", "f:3: metadata.annotations: they are no names with values"},
		{"a word", "hello\n", "f:1: not an object"},
		{"a list", "- a\n- b\n", "f:1: not an object"},
		{"half a JSON", "{\"apiVersion\": \"v1\",\n\"kind\":", "f:2: unexpected EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("f", []byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("apiVersion: v1\nkind: A\nmetadata: {name: x}\n---\n{}")
	f.Add(`{"kind":"List","apiVersion":"v1","items":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		objects, err := Parse("f", []byte(text))
		if err != nil {
			return
		}
		lines := strings.Count(text, "\n") + 1
		for _, o := range objects {
			if o.GetName() == "" || o.GetKind() == "" || o.Origin.Line < 1 || o.Origin.Line > lines {
				t.Errorf("%q: %s at %s", text, o.What(), o.Origin)
			}
		}
	})
}
