package membership

import (
	"bytes"
	"slices"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
)

// insert puts a mapping at the end of the sequence that is the field name of the
// mapping at parent. Without such a field it makes one.
func (d *document) insert(parent path, name string, fields []field) error {
	item := &kyaml.Node{Kind: kyaml.MappingNode}
	data := map[string]any{}
	setData(data, fields)
	for _, f := range fields {
		f.set(item)
	}
	put := func(in *kyaml.Node) {
		if _, items := pair(in, name); items != nil && items.Kind == kyaml.SequenceNode {
			items.Content = append(items.Content, item)
			return
		}
		field{name, nil}.set(in)
		in.Content = append(in.Content, scalar(name), &kyaml.Node{Kind: kyaml.SequenceNode, Content: []*kyaml.Node{item}})
	}
	return d.change(change{
		what: name,
		meaning: func(all map[string]any) {
			in, is := parent.data(all).(map[string]any)
			if is {
				items, _ := in[name].([]any)
				in[name] = append(items, data)
			}
		},
		tree: parent.change(put),
		drafts: func(root *kyaml.Node) [][]byte {
			return append(d.insertions(parent.node(root), name, item), d.inLine(root, parent, name, put)...)
		},
	})
}

// insertions are drafts with an item on lines of its own.
func (d *document) insertions(parent *kyaml.Node, name string, item *kyaml.Node) [][]byte {
	key, items := pair(parent, name)
	lines := d.lines()
	indent := 0
	if kyaml.DeriveSeqIndentStyle(string(d.text)) == string(kyaml.WideSequenceStyle) {
		indent = 2
	}
	switch {
	case parent == nil || parent.Style&kyaml.FlowStyle != 0:
		return nil
	case key == nil:
		indent += parent.Column - 1
		return d.after(lines, lastLine(parent), strings.Repeat(" ", parent.Column-1)+name+":\n", indent, item)
	case items.Kind == kyaml.SequenceNode && len(items.Content) > 0:
		return d.after(lines, lastLine(items), "", items.Column-1, item)
	case items.Kind == kyaml.SequenceNode:
		before, after := split(lines[items.Line-1], items.Column)
		lines[items.Line-1] = slices.Concat(bytes.TrimRight(before, " "), bytes.TrimPrefix(after, []byte("[]")))
	}
	return d.after(lines, key.Line, "", key.Column-1+indent, item)
}

// after is a draft with a head and an item behind a line.
func (d *document) after(lines [][]byte, line int, head string, indent int, item *kyaml.Node) [][]byte {
	text, err := d.item(item, strings.Repeat(" ", indent)+"- ")
	if err != nil || line > len(lines) {
		return nil
	}
	if last := lines[line-1]; !bytes.HasSuffix(last, []byte("\n")) {
		lines[line-1] = slices.Concat(last, []byte("\n"))
	}
	return [][]byte{bytes.Join(slices.Insert(lines, line, []byte(head), text), nil)}
}

// item writes an item of a sequence. What stands before its first line indents
// the others.
func (d *document) item(item *kyaml.Node, before string) ([]byte, error) {
	encoded, err := encode(item, d.text)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for line := range bytes.Lines(encoded) {
		text.WriteString(before)
		text.Write(line)
		before = strings.Repeat(" ", len(before))
	}
	return text.Bytes(), nil
}

// update gives the mapping at a path, an item of a sequence, some fields.
func (d *document) update(at path, fields []field) error {
	set := func(item *kyaml.Node) {
		for _, f := range fields {
			f.set(item)
		}
	}
	return d.change(change{
		what: fields[0].name,
		meaning: func(all map[string]any) {
			if item, is := at.data(all).(map[string]any); is {
				setData(item, fields)
			}
		},
		tree: at.change(set),
		drafts: func(root *kyaml.Node) [][]byte {
			item := at.node(root)
			if item == nil {
				return nil
			}
			changed := kyaml.NewRNode(item).Copy().YNode()
			set(changed)
			// These stand on lines of their own, and stay there.
			changed.HeadComment, changed.FootComment = "", ""
			if len(changed.Content) > 1 {
				changed.Content[0].HeadComment, changed.Content[len(changed.Content)-2].FootComment = "", ""
			}
			lines := d.lines()
			before, _ := split(lines[item.Line-1], item.Column)
			var drafts [][]byte
			if text, err := d.item(changed, string(before)); err == nil {
				drafts = append(drafts, bytes.Join(slices.Replace(lines, item.Line-1, lastLine(item), text), nil))
			}
			return append(drafts, d.inLine(root, at, "", set)...)
		},
	})
}

// drop takes the item i out of a sequence. Comments above it stay.
func (d *document) drop(parent path, name string, i int) error {
	sequence := slices.Concat(parent, path{name})
	take := func(in *kyaml.Node) {
		if _, items := pair(in, name); items != nil && i < len(items.Content) {
			items.Content = slices.Delete(items.Content, i, i+1)
		}
	}
	return d.change(change{
		what: name,
		meaning: func(all map[string]any) {
			items, is := sequence.data(all).([]any)
			in, within := parent.data(all).(map[string]any)
			if is && within {
				in[name] = slices.Delete(items, i, i+1)
			}
		},
		tree: parent.change(take),
		drafts: func(root *kyaml.Node) [][]byte {
			items := sequence.node(root)
			if items == nil || i >= len(items.Content) {
				return nil
			}
			lines := d.lines()
			first, last := items.Content[i].Line, lastLine(items.Content[i])
			if key, _ := pair(parent.node(root), name); len(items.Content) == 1 {
				before, after := split(lines[key.Line-1], key.Column)
				named, rest, _ := bytes.Cut(after, []byte(":"))
				lines[key.Line-1] = slices.Concat(before, named, []byte(": []"), rest)
			}
			drafts := [][]byte{bytes.Join(slices.Delete(lines, first-1, last), nil)}
			return append(drafts, d.inLine(root, parent, name, take)...)
		},
	})
}

// inLine are drafts of what stands between brackets on one line: the outermost
// brackets on the way to a mapping, or to its field of that name, are written
// anew, with the mapping changed.
func (d *document) inLine(root *kyaml.Node, to path, name string, change func(*kyaml.Node)) [][]byte {
	anew := kyaml.NewRNode(root).Copy().YNode()
	to.change(change)(anew)
	var outer, changed *kyaml.Node
	whole := slices.Concat(to, path{name})
	for i := 0; i <= len(whole) && outer == nil; i++ {
		if n := whole[:i].node(root); n != nil && n.Style&kyaml.FlowStyle != 0 {
			outer, changed = n, whole[:i].node(anew)
		}
	}
	if changed == nil {
		return nil
	}
	changed.HeadComment, changed.LineComment, changed.FootComment = "", "", ""
	encoded, err := kyaml.Marshal(changed)
	if err != nil {
		return nil
	}
	lines := d.lines()
	before, after := split(lines[outer.Line-1], outer.Column)
	var drafts [][]byte
	for end, b := range slices.Backward(after) {
		if b == ']' || b == '}' {
			lines[outer.Line-1] = slices.Concat(before, bytes.TrimSpace(encoded), after[end+1:])
			drafts = append(drafts, bytes.Join(lines, nil))
		}
	}
	return drafts
}
