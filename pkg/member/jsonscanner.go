package member

import (
	"encoding/json"

	kjson "sigs.k8s.io/json"
)

// jsonScanner walks through JSON without decoding it. Its methods are false
// where the JSON is not what they are for; then its place means nothing.
type jsonScanner struct {
	data []byte
	at   int
}

// members calls visit for each member of the object at hand; visit must take
// the value. A key that is written with escapes is left to the library.
func (s *jsonScanner) members(visit func(key []byte) bool) bool {
	return s.list('{', '}', func() bool {
		key, ok := s.text()
		return ok && s.take(':') && visit(key)
	})
}

// elements calls visit for each element of the array at hand.
func (s *jsonScanner) elements(visit func() bool) bool { return s.list('[', ']', visit) }

func (s *jsonScanner) list(open, closing byte, visit func() bool) bool {
	if !s.take(open) {
		return false
	}
	if s.take(closing) {
		return true
	}
	for visit() {
		if s.take(closing) {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
	return false
}

// take takes one character, and the space before it.
func (s *jsonScanner) take(c byte) bool {
	s.space()
	if s.at >= len(s.data) || s.data[s.at] != c {
		return false
	}
	s.at++
	return true
}

// text takes a string that stands for itself: ASCII without escapes.
func (s *jsonScanner) text() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	text := s.data[s.at:]
	for i, c := range text {
		switch {
		case c == '"':
			s.at += i + 1
			return text[:i], true
		case c == '\\', c < ' ', c > '~':
			return nil, false
		}
	}
	return nil, false
}

// null takes a null, if that is what is there.
func (s *jsonScanner) null() bool {
	s.space()
	if len(s.data)-s.at < 4 || string(s.data[s.at:s.at+4]) != "null" {
		return false
	}
	s.at += 4
	return true
}

// decode takes the value at hand and has it decoded by the library; a string
// that stands for itself, at once.
func (s *jsonScanner) decode(into any) bool {
	s.space()
	start := s.at
	if plain, is := into.(*string); is {
		if text, ok := s.text(); ok {
			*plain = string(text)
			return true
		}
		s.at = start
	}
	return s.skip() && kjson.UnmarshalCaseSensitivePreserveInts(s.data[start:s.at], into) == nil
}

// skip takes the value at hand, whatever it is: to the end of the brackets or
// of the string that it begins with, or to the next separator.
func (s *jsonScanner) skip() bool {
	s.space()
	if s.at >= len(s.data) {
		return false
	}
	switch s.data[s.at] {
	case '"':
		end, ok := endOfString(s.data, s.at)
		s.at = end
		return ok
	case '{', '[':
		return s.skipBrackets()
	}
	return s.skipWord()
}

// skipBrackets goes through most bytes of a table. It works on copies of the
// scanner's fields, which the compiler keeps in registers.
func (s *jsonScanner) skipBrackets() bool {
	data, at := s.data, s.at
	for depth := 0; at < len(data); at++ {
		switch data[at] {
		case '"':
			end, ok := endOfString(data, at)
			if !ok {
				return false
			}
			at = end - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				s.at = at + 1
				return true
			}
		}
	}
	return false
}

// endOfString finds the place behind the string that begins at a place.
func endOfString(data []byte, at int) (end int, ok bool) {
	for at++; at < len(data); at++ {
		switch data[at] {
		case '\\':
			at++
		case '"':
			return at + 1, true
		}
	}
	return at, false
}

// skipWord takes a number, true, false or null.
func (s *jsonScanner) skipWord() bool {
	start := s.at
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return json.Valid(s.data[start:s.at])
		}
		s.at++
	}
	return false
}

func (s *jsonScanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// end is true if nothing follows.
func (s *jsonScanner) end() bool {
	s.space()
	return s.at == len(s.data)
}
