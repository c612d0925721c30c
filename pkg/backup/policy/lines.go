package policy

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// located gives errors of fields the lines on which a file has them.
func located(text []byte, err error) error {
	if err == nil {
		return nil
	}
	lines := linesOf(text)
	each(err, func(field *FieldError) {
		// What is missing is said of what it is missing in.
		for path := field.Path; path != "" && field.Line == 0; path = path[:max(strings.LastIndexAny(path, ".["), 0)] {
			field.Line = lines[path]
		}
	})
	return err
}

// each does something with every *FieldError that an error has.
func each(err error, do func(*FieldError)) {
	if many, is := err.(interface{ Unwrap() []error }); is {
		for _, one := range many.Unwrap() {
			each(one, do)
		}
		return
	}
	if field, is := errors.AsType[*FieldError](err); is {
		do(field)
	}
}

// linesOf are the lines of a document's fields, by their paths. Of what is no YAML there
// are none.
func linesOf(text []byte) map[string]int {
	lines := map[string]int{}
	var document yaml.Node
	if yaml.Unmarshal(text, &document) != nil || len(document.Content) == 0 {
		return lines
	}
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				below := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
				lines[below] = n.Content[i].Line
				walk(below, n.Content[i+1])
			}
		case yaml.SequenceNode:
			for i, item := range n.Content {
				below := fmt.Sprintf("%s[%d]", path, i)
				lines[below] = item.Line
				walk(below, item)
			}
		case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode:
		}
	}
	walk("", document.Content[0])
	return lines
}
