package membership

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// ParseLabels reads labels as kubectl label does: key=value sets one, key- takes
// it away.
func ParseLabels(specs []string) (set map[string]string, remove []string, err error) {
	set = map[string]string{}
	for _, spec := range specs {
		key, value, sets := strings.Cut(spec, "=")
		removed, removes := strings.CutSuffix(spec, "-")
		switch {
		case sets:
			if errs := validation.IsValidLabelValue(value); len(errs) > 0 {
				return nil, nil, fmt.Errorf("label %q: the value %q: %s", spec, value, errs[0])
			}
			if other, twice := set[key]; twice && other != value {
				return nil, nil, fmt.Errorf("label %q has two values: %q and %q", key, other, value)
			}
			set[key] = value
		case removes:
			key = removed
			remove = append(remove, key)
		default:
			return nil, nil, fmt.Errorf("label %q: want key=value, or key- to take it away", spec)
		}
		if errs := validation.IsQualifiedName(key); len(errs) > 0 {
			return nil, nil, fmt.Errorf("label %q: the key %q: %s", spec, key, errs[0])
		}
	}
	for _, key := range remove {
		if _, both := set[key]; both {
			return nil, nil, fmt.Errorf("label %q is set and taken away in one command", key)
		}
	}
	return set, remove, nil
}
