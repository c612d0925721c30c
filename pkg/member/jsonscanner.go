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
	for start := s.at; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return s.data[start : s.at-1], true
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
	depth := 0
	for s.at < len(s.data) {
		c := s.data[s.at]
		switch c {
		case '"':
			if !s.skipString() {
				return false
			}
			if depth == 0 {
				return true
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				s.at++
				return true
			}
			if depth < 0 {
				return false
			}
		default:
			if depth == 0 {
				return s.skipWord()
			}
		}
		s.at++
	}
	return false
}

func (s *jsonScanner) skipString() bool {
	for s.at++; s.at < len(s.data); s.at++ {
		switch s.data[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return true
		}
	}
	return false
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
