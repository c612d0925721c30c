package progress

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// Frame is how long what a Board shows stands still at least.
const Frame = 100 * time.Millisecond

// Board is some live lines at the end of a terminal, redrawn in place. A drawing is one
// write that ends at the beginning of a line: whatever ends the process in between leaves
// a whole board, and the cursor below it.
type Board struct {
	w     io.Writer
	size  func() (width, height int)
	lines func(now time.Time) []string

	mu    sync.Mutex
	shown []string // what stands on the terminal
	over  bool
	stop  chan struct{}
	ended chan struct{}
}

// NewBoard begins to show lines, as they are at a time. size is the terminal's; 0 where it
// is not known. Done must be called.
func NewBoard(w io.Writer, size func() (width, height int), lines func(now time.Time) []string) *Board {
	b := &Board{w: w, size: size, lines: lines, stop: make(chan struct{}), ended: make(chan struct{})}
	go b.run()
	return b
}

func (b *Board) run() {
	defer close(b.ended)
	next := time.NewTicker(Frame)
	defer next.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-next.C:
			b.mu.Lock()
			b.draw("")
			b.mu.Unlock()
		}
	}
}

// Say writes a line above the board, which stays there. It must not be called by lines,
// nor with a lock that lines takes.
func (b *Board) Say(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		_, _ = fmt.Fprintln(b.w, text)
		return
	}
	b.draw(text + "\n")
}

// Done draws the board once more, and leaves it. Nothing is drawn after it returns.
func (b *Board) Done() {
	close(b.stop)
	<-b.ended
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draw("")
	b.over = true
}

const (
	eraseBelow = "\x1b[J"
	eraseRest  = "\x1b[K"
)

func (b *Board) draw(above string) {
	lines := b.fitted(b.lines(time.Now()))
	if above == "" && slices.Equal(lines, b.shown) {
		return
	}
	text := &strings.Builder{}
	if n := len(b.shown); n > 0 {
		_, _ = fmt.Fprintf(text, "\x1b[%dA", n)
	}
	text.WriteString("\r")
	if above != "" {
		text.WriteString(eraseBelow + above)
	}
	for _, line := range lines {
		text.WriteString(line + eraseRest + "\n")
	}
	text.WriteString(eraseBelow) // also a ^C that the terminal has echoed
	_, _ = io.WriteString(b.w, text.String())
	b.shown = lines
}

// fitted are the lines that the terminal has room for, each in one row of it: the cursor
// could not be brought back to the first else.
func (b *Board) fitted(lines []string) []string {
	width, height := b.size()
	if room := height - 1; height > 1 && len(lines) > room {
		more := len(lines) - room + 1
		lines = append(slices.Clone(lines[:room-1]), fmt.Sprintf("and %d lines more", more))
	}
	fitted := make([]string, len(lines))
	for i, line := range lines {
		if letters := []rune(line); width > 0 && len(letters) >= width {
			line = string(letters[:max(width-1, 0)])
		}
		fitted[i] = strings.TrimRight(line, " ")
	}
	return fitted
}
