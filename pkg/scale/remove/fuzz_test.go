package remove

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// A program may say anything: what is shown of it is one line, of a length that can
// be read, without what a terminal would obey.
func FuzzQuote(f *testing.F) {
	for _, said := range []string{"", "no such machine\n", "\x1b]0;x\a", "\xff\xfe", strings.Repeat("a ", heard), "\u202e", "\r"} {
		f.Add([]byte(said), []byte("and more"))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var b bounded
		for _, part := range [][]byte{first, second} {
			if n, err := b.Write(part); n != len(part) || err != nil {
				t.Errorf("took %d of %d: %v", n, len(part), err)
			}
		}
		quote := b.quote()
		if len(b.text) > heard || utf8.RuneCountInString(quote) > quoted+len(": …") || !utf8.ValidString(quote) || strings.ContainsAny(quote, "\x1b\n\r\x00") {
			t.Errorf("%q", quote)
		}
	})
}
