package manifest

import (
	"maps"
	"slices"
)

// checkMetadata refuses names, labels and annotations that YAML does not read as
// text, such as a version or a yes without quotes. Nobody else would: to a reader
// of objects such a field is not there.
func (o Object) checkMetadata() error {
	metadata, is := o.Object["metadata"].(map[string]any)
	if !is {
		return nil // it has no name, which is said
	}
	isText := func(value any, steps ...any) error {
		if _, is := value.(string); is {
			return nil
		}
		if value == nil {
			value = "null"
		}
		return o.Lines().Errorf(Path{"metadata"}.Child(steps...), "%v is no text: put it in quotes", value)
	}
	for _, field := range []string{"name", "namespace", "generateName"} {
		if value := metadata[field]; value != nil {
			if err := isText(value, field); err != nil {
				return err
			}
		}
	}
	for _, field := range []string{"labels", "annotations"} {
		pairs, is := metadata[field].(map[string]any)
		if !is && metadata[field] != nil {
			return o.Lines().Errorf(Path{"metadata", field}, "they are no names with values")
		}
		for _, name := range slices.Sorted(maps.Keys(pairs)) {
			if err := isText(pairs[name], field, name); err != nil {
				return err
			}
		}
	}
	return nil
}
