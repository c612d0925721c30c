package quiesce

import (
	"strings"
	"testing"
)

// A container may say anything: what it says counts only where it names our run, and
// no more is kept than a bound.
func FuzzAnswer(f *testing.F) {
	f.Add("frozen run-1\n", "")
	f.Add("frozen run-2\nfired run-1 x\n", "noise\x1b[31m")
	f.Add("unfrozen run-1 freeze 3\n", "no such file")
	f.Add("unfrozen run-1", "")
	f.Add(strings.Repeat("x", bound+1)+"\nfrozen run-1\n", strings.Repeat("\n", bound+1))
	f.Fuzz(func(t *testing.T, words, noise string) {
		a := &answer{run: "run-1"}
		if n, err := a.words.Write([]byte(words)); n != len(words) || err != nil {
			t.Errorf("took %d of %d: %v", n, len(words), err)
		}
		_, _ = a.noises.Write([]byte(noise))
		_, ended := a.ended()
		_, unfrozen := a.unfrozen()
		if (ended || unfrozen || a.has(wordFrozen)) && !strings.Contains(words, " run-1") {
			t.Errorf("%q counts, and names no run", words)
		}
		if said := a.with("it"); len(said) > bound+len("it: ") || strings.Contains(said, "\n") {
			t.Errorf("%d bytes are said", len(said))
		}
	})
}
