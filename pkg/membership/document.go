package membership

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"
)

// document is a YAML mapping that people keep by hand. A change touches the
// lines that it is about and no other, so that it reads well in a diff.
type document struct {
	text    []byte
	changed bool
}

// change is one change of a document, told in three ways that must agree.
type change struct {
	// what is changed, for an error to name.
	what string
	// meaning changes the document's data.
	meaning func(data map[string]any)
	// drafts are texts that may be the changed document's, the best first. They
	// need not be right: each is read before it is taken.
	drafts func(root *kyaml.Node) [][]byte
	// tree changes the document's syntax tree.
	tree func(root *kyaml.Node)
}

// set gives a field of the top level a value.
func (d *document) set(name, value string) error {
	f := field{name, value}
	return d.change(change{
		what:    name,
		meaning: func(data map[string]any) { data[name] = value },
		tree:    func(root *kyaml.Node) { f.set(root) },
		drafts: func(root *kyaml.Node) [][]byte {
			_, node := pair(root, name)
			if node == nil {
				return [][]byte{slices.Concat(bytes.TrimRight(d.text, "\n"), []byte("\n"+name+": "+value+"\n"))}
			}
			lines := d.lines()
			before, after := split(lines[node.Line-1], node.Column)
			for _, quote := range []string{"", `"`, "'"} {
				if rest, is := bytes.CutPrefix(after, []byte(quote+node.Value+quote)); is {
					lines[node.Line-1] = slices.Concat(before, []byte(value), rest)
				}
			}
			return [][]byte{bytes.Join(lines, nil)}
		},
	})
}

// remove takes a field of the top level away.
func (d *document) remove(name string) error {
	f := field{name, nil}
	return d.change(change{
		what:    name,
		meaning: func(data map[string]any) { delete(data, name) },
		tree:    func(root *kyaml.Node) { f.set(root) },
		drafts: func(root *kyaml.Node) [][]byte {
			key, _ := pair(root, name)
			if key == nil {
				return nil
			}
			return [][]byte{bytes.Join(slices.Delete(d.lines(), key.Line-1, key.Line), nil)}
		},
	})
}

// change makes a change: it takes the first draft that means just what the
// change means. Else (a notation that no draft knows) it writes the document
// anew from the tree, which keeps most comments and the order but not empty
// lines; and if that means something else, too, it changes nothing.
func (d *document) change(c change) error {
	was, want := map[string]any{}, map[string]any{}
	for _, data := range []*map[string]any{&was, &want} {
		if err := yaml.Unmarshal(d.text, data); err != nil {
			return err
		}
	}
	c.meaning(want)
	if reflect.DeepEqual(was, want) {
		return nil
	}
	root, err := kyaml.Parse(string(d.text))
	if err != nil {
		return err
	}
	drafts := c.drafts(root.YNode())
	c.tree(root.YNode())
	if anew, err := encode(root.Document(), d.text); err == nil {
		drafts = append(drafts, anew)
	}
	for _, draft := range drafts {
		if means(draft, want) {
			d.text, d.changed = draft, true
			return nil
		}
	}
	return fmt.Errorf("it is written in a way in which %s cannot be changed safely; change it by hand", c.what)
}

// lines are those of the text, each with its end.
func (d *document) lines() [][]byte { return bytes.SplitAfter(d.text, []byte("\n")) }

func means(text []byte, want map[string]any) bool {
	got := map[string]any{}
	return yaml.Unmarshal(text, &got) == nil && reflect.DeepEqual(got, want)
}
