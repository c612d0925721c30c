package printers

import (
	"fmt"
	"strings"
	"unicode"
)

// Escape makes text from a cluster, a file or a plugin safe for a terminal:
// control characters, which move the cursor, change the title or rewrite what
// stands before, and the marks that reverse the direction of text become
// visible. Newlines and tabs stay.
func Escape(text string) string { return escape(text, "\n\t") }

// escapeCell escapes for a cell of a table. It leaves the characters at which
// the table printer itself cuts a cell off, and no tab: that would begin the
// next column, and let an object forge what stands there.
func escapeCell(text string) string { return escape(text, "\n\f\r") }

func escape(text, keep string) string {
	unsafe := func(r rune) bool {
		return (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) && !strings.ContainsRune(keep, r)
	}
	if strings.IndexFunc(text, unsafe) < 0 {
		return text
	}
	var safe strings.Builder
	for _, r := range text {
		switch {
		case !unsafe(r):
			safe.WriteRune(r)
		case r == '\x1b':
			safe.WriteString("^[")
		case r == '\r':
			safe.WriteString(`\r`)
		case r == '\t':
			safe.WriteString(`\t`)
		default:
			fmt.Fprintf(&safe, `\u%04x`, r)
		}
	}
	return safe.String()
}
