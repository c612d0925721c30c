package drift

import (
	"encoding/json"
	"slices"
	"strings"
)

// listKeys are the fields that tell the items of a list apart, the best first:
// a list is matched by the first that all its items have, each another value.
// They are the keys of the API's own lists of that kind.
func listKeys() [][]string {
	return [][]string{
		{"name"}, {"containerPort", "protocol"}, {"containerPort"}, {"port", "protocol"}, {"port"},
		{"mountPath"}, {"devicePath"}, {"topologyKey", "whenUnsatisfiable"}, {"type"}, {"ip"}, {"host"}, {"key", "effect"}, {"key"}, {"path"},
	}
}

// unordered are the lists in which the order of the items means nothing. In
// others it may: init containers run in theirs, and variables refer to earlier ones.
func unordered(field string) bool {
	switch field {
	case "containers", "ephemeralContainers", "volumes", "volumeMounts", "volumeDevices", "ports", "imagePullSecrets",
		"ownerReferences", "conditions", "topologySpreadConstraints", "hostAliases":
		return true
	}
	return false
}

// keysOf finds the fields that tell the items apart in each of the lists; nil
// if there are none.
func keysOf(lists ...[]any) []string {
	for _, keys := range listKeys() {
		if !slices.ContainsFunc(lists, func(list []any) bool { return !tellApart(list, keys) }) {
			return keys
		}
	}
	return nil
}

func tellApart(list []any, keys []string) bool {
	seen := map[string]bool{}
	for _, item := range list {
		id, complete := identify(item, keys)
		if !complete || seen[id] {
			return false
		}
		seen[id] = true
	}
	return true
}

// identify is the item's values of the keys, as one text.
func identify(item any, keys []string) (id string, complete bool) {
	fields, isMap := item.(map[string]any)
	if !isMap {
		return "", false
	}
	values := make([]string, len(keys))
	for i, key := range keys {
		value, is := fields[key]
		if !is || !isScalar(value) {
			return "", false
		}
		values[i] = text(value)
	}
	return strings.Join(values, "\x00"), true
}

// stepTo is the step of a path to an item that has the keys.
func stepTo(item any, keys []string) step {
	s := step{kind: byKeys}
	fields, _ := item.(map[string]any)
	for _, key := range keys {
		s.keys = append(s.keys, keyValue{key: key, value: text(fields[key])})
	}
	return s
}

func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any, nil:
		return false
	}
	return true
}

// text is a value as it is compared and written in a path: a string as it is,
// all else as JSON.
func text(value any) string {
	if s, is := value.(string); is {
		return s
	}
	return encoded(value)
}

// encoded is a value of an object as JSON; equal values have equal ones.
func encoded(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // what came as JSON goes as JSON
	}
	return string(data)
}
