package drift

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Path leads to a field of an object. It is written as it is read:
// spec.containers[name=web].image, metadata.labels["a.b/c"], args[0]. As a
// pattern it may have * for any field and [*] for every item of a list.
type Path []step

// step is one part of a path: a field, or an item of a list by its keys or its
// index.
type step struct {
	field string
	keys  []keyValue
	index int
	kind  stepKind
}

type stepKind int

const (
	byField stepKind = iota
	byKeys
	byIndex
	everyField
	everyItem
)

// keyValue is a field that tells the items of a list apart, and its value as
// text.
type keyValue struct{ key, value string }

func (p Path) with(s step) Path { return append(slices.Clip(p), s) }

var (
	plainField = regexp.MustCompile(`^[A-Za-z0-9_$-]+$`)
	plainValue = regexp.MustCompile(`^[A-Za-z0-9_./:@+-]+$`)
)

// String is the path as ParsePath reads it.
func (p Path) String() string {
	var text strings.Builder
	for i, s := range p {
		switch {
		case s.kind == byIndex:
			fmt.Fprintf(&text, "[%d]", s.index)
		case s.kind == everyItem:
			text.WriteString("[*]")
		case s.kind == byKeys:
			pairs := make([]string, len(s.keys))
			for i, kv := range s.keys {
				pairs[i] = kv.key + "=" + kv.value
				if !plainValue.MatchString(kv.value) {
					pairs[i] = kv.key + "=" + strconv.Quote(kv.value)
				}
			}
			text.WriteString("[" + strings.Join(pairs, ",") + "]")
		case s.kind == byField && !plainField.MatchString(s.field):
			text.WriteString("[" + strconv.Quote(s.field) + "]")
		default:
			if i > 0 {
				text.WriteByte('.')
			}
			if s.kind == everyField {
				text.WriteByte('*')
			}
			text.WriteString(s.field)
		}
	}
	return text.String()
}

// ParsePath reads a path. A dot before the first field is left out.
func ParsePath(text string) (Path, error) {
	var p Path
	rest := strings.TrimPrefix(text, ".")
	for rest != "" {
		var s step
		var err error
		if rest[0] == '[' {
			s, rest, err = parseBracket(rest[1:])
		} else {
			s, rest, err = parseField(rest)
		}
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", text, err)
		}
		p = append(p, s)
		if after, dotted := strings.CutPrefix(rest, "."); dotted {
			if after == "" || after[0] == '[' {
				return nil, fmt.Errorf("path %q: no field follows a dot", text)
			}
			rest = after
		}
	}
	if len(p) == 0 {
		return nil, errors.New("an empty path")
	}
	return p, nil
}

func parseField(rest string) (step, string, error) {
	end := strings.IndexAny(rest, ".[")
	if end < 0 {
		end = len(rest)
	}
	name, rest := rest[:end], rest[end:]
	switch {
	case name == "*":
		return step{kind: everyField}, rest, nil
	case !plainField.MatchString(name):
		return step{}, "", fmt.Errorf("a field like %q is written in brackets: [%s]", name, strconv.Quote(name))
	}
	return step{field: name}, rest, nil
}

// parseBracket reads what follows a bracket that opens.
func parseBracket(rest string) (step, string, error) {
	if strings.HasPrefix(rest, `"`) {
		name, rest, err := unquote(rest)
		if err != nil {
			return step{}, "", err
		}
		rest, err = closing(rest)
		return step{field: name}, rest, err
	}
	if after, is := strings.CutPrefix(rest, "*]"); is {
		return step{kind: everyItem}, after, nil
	}
	if inside, after, closed := strings.Cut(rest, "]"); closed {
		if index, err := strconv.ParseUint(inside, 10, 31); err == nil {
			return step{kind: byIndex, index: int(index)}, after, nil
		}
	}
	s := step{kind: byKeys}
	for {
		key, value, found := strings.Cut(rest, "=")
		if !found || !plainField.MatchString(key) {
			return s, "", errors.New("brackets hold an index, *, a quoted field, or KEY=VALUE")
		}
		kv := keyValue{key: key}
		if strings.HasPrefix(value, `"`) {
			var err error
			if kv.value, rest, err = unquote(value); err != nil {
				return s, "", err
			}
		} else {
			end := strings.IndexAny(value, ",]")
			if end < 0 {
				return s, "", errors.New("a bracket is not closed")
			}
			kv.value, rest = value[:end], value[end:]
		}
		s.keys = append(s.keys, kv)
		after, more := strings.CutPrefix(rest, ",")
		if !more {
			rest, err := closing(rest)
			return s, rest, err
		}
		rest = after
	}
}

func unquote(rest string) (value, after string, err error) {
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return "", "", errors.New("a quote is not closed")
	}
	value, err = strconv.Unquote(quoted)
	return value, rest[len(quoted):], err
}

func closing(rest string) (string, error) {
	after, closed := strings.CutPrefix(rest, "]")
	if !closed {
		return "", errors.New("a bracket is not closed")
	}
	return after, nil
}

// ParsePaths reads paths separated by commas. A comma in brackets separates
// none.
func ParsePaths(list string) ([]Path, error) {
	var paths []Path
	for {
		end := separator(list)
		p, err := ParsePath(strings.TrimSpace(list[:end]))
		if err != nil {
			return nil, err
		}
		paths = append(paths, p)
		if end == len(list) {
			return paths, nil
		}
		list = list[end+1:]
	}
}

// separator finds the comma behind the first path, or the end.
func separator(list string) int {
	inBrackets, quoted := false, false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[', c == ']':
			inBrackets = c == '['
		case c == ',' && !inBrackets:
			return i
		}
	}
	return len(list)
}
