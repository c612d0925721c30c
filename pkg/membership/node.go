package membership

import (
	"bytes"
	"maps"
	"slices"
	"unicode/utf8"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"
)

// field is a field of a mapping and its value: a string, a map of strings, or
// nil for a field that is not there.
type field struct {
	name  string
	value any
}

// set gives a mapping the field, and leaves its other fields alone.
func (f field) set(mapping *kyaml.Node) {
	i := slices.IndexFunc(keys(mapping), func(key *kyaml.Node) bool { return key.Value == f.name })
	if i < 0 {
		if f.value != nil {
			mapping.Content = append(mapping.Content, scalar(f.name), f.node())
		}
		return
	}
	old := &mapping.Content[2*i+1]
	entries, several := f.value.(map[string]string)
	switch {
	case f.value == nil:
		mapping.Content = slices.Delete(mapping.Content, 2*i, 2*i+2)
	case several && (*old).Kind == kyaml.MappingNode:
		for _, key := range keys(*old) {
			if _, kept := entries[key.Value]; !kept {
				field{key.Value, nil}.set(*old)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			field{name, entries[name]}.set(*old)
		}
	case (*old).Value == f.value && (*old).Tag == kyaml.NodeTagString:
	default:
		comment := (*old).LineComment
		*old = f.node()
		(*old).LineComment = comment
	}
}

func (f field) node() *kyaml.Node {
	entries, several := f.value.(map[string]string)
	if !several {
		text, _ := f.value.(string)
		return scalar(text)
	}
	mapping := &kyaml.Node{Kind: kyaml.MappingNode}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		field{name, entries[name]}.set(mapping)
	}
	return mapping
}

// data is the field's value as reading JSON gives it.
func (f field) data() any {
	entries, several := f.value.(map[string]string)
	if !several {
		return f.value
	}
	data := make(map[string]any, len(entries))
	for name, value := range entries {
		data[name] = value
	}
	return data
}

// setData gives data the fields.
func setData(data map[string]any, fields []field) {
	for _, f := range fields {
		if f.value == nil {
			delete(data, f.name)
		} else {
			data[f.name] = f.data()
		}
	}
}

// scalar is a string, in quotes where it would be read as something else.
func scalar(text string) *kyaml.Node {
	node := kyaml.NewStringRNode(text).YNode()
	var read any
	if plain, err := kyaml.Marshal(node); err != nil || yaml.Unmarshal(plain, &read) != nil || read != any(text) {
		node.Style = kyaml.DoubleQuotedStyle
	}
	return node
}

// keys are those of a mapping, in order.
func keys(mapping *kyaml.Node) []*kyaml.Node {
	var found []*kyaml.Node
	if mapping != nil && mapping.Kind == kyaml.MappingNode {
		for i := 0; i < len(mapping.Content); i += 2 {
			found = append(found, mapping.Content[i])
		}
	}
	return found
}

// pair finds a field of a mapping; both are nil if there is none.
func pair(mapping *kyaml.Node, name string) (key, value *kyaml.Node) {
	for i, key := range keys(mapping) {
		if key.Value == name {
			return key, mapping.Content[2*i+1]
		}
	}
	return nil, nil
}

// path leads from the top of a document to a node: names of fields, and indexes.
type path []any

// node follows the path; nil if it ends before.
func (p path) node(root *kyaml.Node) *kyaml.Node {
	for _, step := range p {
		switch step := step.(type) {
		case string:
			_, root = pair(root, step)
		case int:
			if root == nil || root.Kind != kyaml.SequenceNode || step >= len(root.Content) {
				return nil
			}
			root = root.Content[step]
		}
	}
	return root
}

// change is a change of the node at the path, if there is one.
func (p path) change(change func(*kyaml.Node)) func(root *kyaml.Node) {
	return func(root *kyaml.Node) {
		if n := p.node(root); n != nil {
			change(n)
		}
	}
}

// data follows the path in what reading JSON gives.
func (p path) data(root any) any {
	for _, step := range p {
		switch step := step.(type) {
		case string:
			at, _ := root.(map[string]any)
			root = at[step]
		case int:
			at, _ := root.([]any)
			if step >= len(at) {
				return nil
			}
			root = at[step]
		}
	}
	return root
}

// lastLine is the number of the last line on which something of the node begins.
func lastLine(node *kyaml.Node) int {
	last := node.Line
	for _, child := range node.Content {
		last = max(last, lastLine(child))
	}
	return last
}

// split cuts a line before a column, counted as the parser does: from 1, in
// characters.
func split(line []byte, column int) (before, after []byte) {
	at := 0
	for range column - 1 {
		_, size := utf8.DecodeRune(line[at:])
		at += size
	}
	return line[:at:at], line[at:]
}

// encode writes a node in the style of a text that it is for.
func encode(node *kyaml.Node, text []byte) ([]byte, error) {
	style := kyaml.SequenceIndentStyle(kyaml.DeriveSeqIndentStyle(string(text)))
	encoded, err := kyaml.MarshalWithOptions(node, &kyaml.EncoderOptions{SeqIndent: style})
	if bytes.Contains(text, []byte("\r\n")) {
		encoded = bytes.ReplaceAll(encoded, []byte("\n"), []byte("\r\n"))
	}
	return encoded, err
}
