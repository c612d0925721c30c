package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// Variables begin so. Whatever else has this form, such as a shell's, is not ours.
const (
	variableStart = "${cluster."
	labelPrefix   = "label."
)

// HasVariables says whether a text has variables, or escaped ones.
func HasVariables(text string) bool { return strings.Contains(text, variableStart) }

// Expand puts what a cluster has in the place of variables: ${cluster.name} and
// ${cluster.label.KEY}. $${cluster. stands for ${cluster. itself.
func Expand(text string, c inventory.Cluster) (string, error) {
	var b strings.Builder
	for {
		at := strings.Index(text, variableStart)
		if at < 0 {
			b.WriteString(text)
			return b.String(), nil
		}
		before, rest := text[:at], text[at+len(variableStart):]
		if escaped, is := strings.CutSuffix(before, "$"); is {
			b.WriteString(escaped + variableStart)
			text = rest
			continue
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("%s%s has no closing }", variableStart, rest)
		}
		value, err := variable(name, c)
		if err != nil {
			return "", err
		}
		b.WriteString(before + value)
		text = after
	}
}

func variable(name string, c inventory.Cluster) (string, error) {
	if name == "name" {
		return c.Name, nil
	}
	key, isLabel := strings.CutPrefix(name, labelPrefix)
	if !isLabel {
		return "", fmt.Errorf("%s%s} is unknown; there are ${cluster.name} and ${cluster.label.KEY}", variableStart, name)
	}
	value, has := c.Labels[key]
	switch {
	case has:
		return value, nil
	case len(c.Labels) == 0:
		return "", fmt.Errorf("%s%s}: %s has no labels", variableStart, name, c.Name)
	}
	return "", fmt.Errorf("%s%s}: %s has no such label; it has %s", variableStart, name, c.Name, strings.Join(slices.Sorted(maps.Keys(c.Labels)), ", "))
}

// variables expands those of all objects.
func (x *renderer) variables() error {
	has := map[any]bool{} // by the object of the input, which clusters share
	for _, s := range x.scenes {
		for _, o := range s.objects {
			if o.Literal {
				continue
			}
			found, known := has[o.Unstructured]
			if !known {
				found = !each(nil, o.Unstructured.Object, func(_ manifest.Path, text string) bool { return !HasVariables(text) })
				has[o.Unstructured] = found
			}
			if !found {
				continue
			}
			if err := o.expand(s.Cluster); err != nil {
				return err
			}
		}
	}
	return nil
}

// each calls fn for every string, the keys of objects as well, in a fixed order,
// until it returns false.
func each(at manifest.Path, value any, fn func(at manifest.Path, text string) bool) bool {
	switch value := value.(type) {
	case string:
		return fn(at, value)
	case map[string]any:
		for _, key := range sortedKeys(value) {
			if !fn(at.Child(key), key) || !each(at.Child(key), value[key], fn) {
				return false
			}
		}
	case []any:
		for i, item := range value {
			if !each(at.Child(i), item, fn) {
				return false
			}
		}
	}
	return true
}

func (o *object) expand(c inventory.Cluster) error {
	o.own()
	lines := o.Lines
	expanded, err := expand(nil, o.Unstructured.Object, c, func(at manifest.Path, err error) error { return lines().Errorf(at, "%w", err) })
	if err == nil {
		o.Unstructured.Object, _ = expanded.(map[string]any)
	}
	return err
}

// expand expands a value in place. wrong makes an error of a field.
func expand(at manifest.Path, value any, c inventory.Cluster, wrong func(manifest.Path, error) error) (any, error) {
	switch value := value.(type) {
	case string:
		expanded, err := Expand(value, c)
		if err != nil {
			return nil, wrong(at, err)
		}
		return expanded, nil
	case map[string]any:
		for _, key := range sortedKeys(value) {
			if HasVariables(key) {
				return nil, wrong(at.Child(key), fmt.Errorf("a variable cannot be in the name of a field"))
			}
			expanded, err := expand(at.Child(key), value[key], c, wrong)
			if err != nil {
				return nil, err
			}
			value[key] = expanded
		}
	case []any:
		for i, item := range value {
			expanded, err := expand(at.Child(i), item, c, wrong)
			if err != nil {
				return nil, err
			}
			value[i] = expanded
		}
	}
	return value, nil
}

func sortedKeys(of map[string]any) []string { return slices.Sorted(maps.Keys(of)) }
