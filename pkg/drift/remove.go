package drift

import "slices"

// remove takes what the path leads to out of a value and returns what is left.
// A map or list that it leaves empty goes, too: a copy that never had the field
// may not have had the map around it. The value itself is changed.
func remove(value any, p Path) (left any, gone bool) {
	if len(p) == 0 {
		return nil, true
	}
	switch value := value.(type) {
	case map[string]any:
		removed := false
		for name, child := range value {
			if p[0].kind != everyField && (p[0].kind != byField || p[0].field != name) {
				continue
			}
			rest, childGone := remove(child, p[1:])
			if childGone {
				delete(value, name)
				removed = true
			} else {
				value[name] = rest
			}
		}
		return value, removed && len(value) == 0
	case []any:
		removed := false
		kept := make([]any, 0, len(value))
		for i, item := range value {
			if !p[0].selects(i, item) {
				kept = append(kept, item)
				continue
			}
			rest, itemGone := remove(item, p[1:])
			if itemGone {
				removed = true
			} else {
				kept = append(kept, rest)
			}
		}
		return kept, removed && len(kept) == 0
	}
	return value, false
}

// selects tells whether the step leads to this item of a list.
func (s step) selects(index int, item any) bool {
	switch s.kind {
	case everyItem:
		return true
	case byIndex:
		return s.index == index
	case byKeys:
		fields, isMap := item.(map[string]any)
		return isMap && !slices.ContainsFunc(s.keys, func(kv keyValue) bool {
			value, is := fields[kv.key]
			return !is || !isScalar(value) || text(value) != kv.value
		})
	case byField, everyField:
	}
	return false
}
