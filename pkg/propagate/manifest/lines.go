package manifest

import (
	"fmt"
	"slices"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
)

// Path leads from an object to one of its fields: strings are keys, ints are
// indices of lists.
type Path []any

// Child is the path of something below; p is not changed.
func (p Path) Child(steps ...any) Path { return append(slices.Clip(p), steps...) }

// String is spec.rules[0].name.
func (p Path) String() string {
	var b strings.Builder
	for _, step := range p {
		if i, is := step.(int); is {
			fmt.Fprintf(&b, "[%d]", i)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		fmt.Fprint(&b, step)
	}
	return b.String()
}

// Lines knows the line of each field of one object.
type Lines struct {
	origin Origin
	root   *kyaml.Node
	within Path
}

// Lines parses the document of the object. That is not cheap: for several
// fields, keep it.
func (o Object) Lines() Lines {
	l := Lines{origin: o.Origin, within: o.Within}
	if o.Origin.Line == 0 || len(o.Document) == 0 {
		return l
	}
	if root, err := kyaml.Parse(string(o.Document)); err == nil {
		l.root = root.YNode()
	}
	return l
}

// Of is where a field was written. Of a field that is not there it is where the
// nearest one above it was.
func (l Lines) Of(path Path) Origin {
	if l.root == nil {
		return l.origin
	}
	node, line := l.root, 1
	for _, step := range slices.Concat(l.within, path) {
		if node.Kind == kyaml.AliasNode {
			node = node.Alias
		}
		next, at := child(node, step)
		if next == nil {
			break
		}
		node, line = next, at
	}
	return Origin{Source: l.origin.Source, Line: l.origin.Line + line - 1}
}

// Errorf is an error of a field, at its line.
func (l Lines) Errorf(path Path, format string, args ...any) error {
	return &Error{Origin: l.Of(path), Err: fmt.Errorf("%s: %w", path, fmt.Errorf(format, args...))}
}

// child is one step down, and its line: of a field the line of its key.
func child(node *kyaml.Node, step any) (*kyaml.Node, int) {
	switch step := step.(type) {
	case int:
		if node.Kind == kyaml.SequenceNode && step < len(node.Content) {
			return node.Content[step], node.Content[step].Line
		}
	case string:
		if node.Kind != kyaml.MappingNode {
			return nil, 0
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == step {
				return node.Content[i+1], node.Content[i].Line
			}
		}
	}
	return nil, 0
}
