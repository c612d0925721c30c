package membership

import (
	"bytes"
	"fmt"
	"maps"
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

// set gives a field of the top level a value.
func (d *document) set(field, value string) error {
	change := func(meaning map[string]any) { meaning[field] = value }
	return d.change(field, kyaml.SetField(field, kyaml.NewStringRNode(value)), change, func(at *kyaml.MapNode) []byte {
		if at == nil {
			return slices.Concat(bytes.TrimRight(d.text, "\n"), []byte("\n"+field+": "+value+"\n"))
		}
		node := at.Value.YNode()
		lines := bytes.SplitAfter(d.text, []byte("\n"))
		line := lines[node.Line-1]
		before, after := line[:min(len(line), node.Column-1)], line[min(len(line), node.Column-1):]
		for _, quote := range []string{"", `"`, "'"} {
			if rest, is := bytes.CutPrefix(after, []byte(quote+node.Value+quote)); is {
				lines[node.Line-1] = slices.Concat(before, []byte(value), rest)
			}
		}
		return bytes.Join(lines, nil)
	})
}

// remove takes a field of the top level away.
func (d *document) remove(field string) error {
	change := func(meaning map[string]any) { delete(meaning, field) }
	return d.change(field, kyaml.Clear(field), change, func(at *kyaml.MapNode) []byte {
		if at == nil {
			return d.text
		}
		lines := bytes.SplitAfter(d.text, []byte("\n"))
		n := at.Key.YNode().Line
		return bytes.Join(slices.Delete(lines, n-1, n), nil)
	})
}

// change makes a change in the text and takes it if it means just what the
// change means. Else (a notation that inText does not know) it writes the
// document anew, which keeps comments and order but not empty lines; and if that
// means something else, too, it changes nothing.
func (d *document) change(field string, filter kyaml.Filter, change func(meaning map[string]any), inText func(at *kyaml.MapNode) []byte) error {
	want := map[string]any{}
	if err := yaml.Unmarshal(d.text, &want); err != nil {
		return err
	}
	was := maps.Clone(want)
	change(want)
	if reflect.DeepEqual(was, want) {
		return nil
	}
	root, err := kyaml.Parse(string(d.text))
	if err != nil {
		return err
	}
	draft := inText(root.Field(field))
	if !means(draft, want) {
		if draft, err = rewritten(root, filter, d.text); err != nil {
			return err
		}
	}
	if !means(draft, want) {
		return fmt.Errorf("it is written in a way in which %s cannot be changed safely; change it by hand", field)
	}
	d.text, d.changed = draft, true
	return nil
}

func rewritten(root *kyaml.RNode, filter kyaml.Filter, was []byte) ([]byte, error) {
	if err := root.PipeE(filter); err != nil {
		return nil, err
	}
	style := kyaml.SequenceIndentStyle(kyaml.DeriveSeqIndentStyle(string(was)))
	return kyaml.MarshalWithOptions(root.Document(), &kyaml.EncoderOptions{SeqIndent: style})
}

func means(text []byte, want map[string]any) bool {
	got := map[string]any{}
	return yaml.Unmarshal(text, &got) == nil && reflect.DeepEqual(got, want)
}
