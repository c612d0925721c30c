package progress_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/progress"
)

// terminal is what a person sees, without an end of the screen.
type terminal struct {
	mu       sync.Mutex
	rows     []string
	row, col int
	writes   int
}

func (s *terminal) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	for text := []rune(string(p)); len(text) > 0; {
		for len(s.rows) <= s.row {
			s.rows = append(s.rows, "")
		}
		line := []rune(s.rows[s.row])
		var up int
		switch rest := string(text); {
		case strings.HasPrefix(rest, "\x1b[K"):
			s.rows[s.row] = string(line[:min(s.col, len(line))])
			text = text[3:]
		case strings.HasPrefix(rest, "\x1b[J"):
			s.rows = append(s.rows[:s.row], string(line[:min(s.col, len(line))]))
			text = text[3:]
		case matches(rest, "\x1b[%dA", &up):
			s.row -= up
			text = text[len(fmt.Sprintf("\x1b[%dA", up)):]
		case text[0] == '\r':
			s.col, text = 0, text[1:]
		case text[0] == '\n':
			s.row, s.col, text = s.row+1, 0, text[1:]
		default:
			for len(line) <= s.col {
				line = append(line, ' ')
			}
			line[s.col] = text[0]
			s.rows[s.row], s.col, text = string(line), s.col+1, text[1:]
		}
	}
	return len(p), nil
}

func matches(text, format string, n *int) bool {
	_, err := fmt.Sscanf(text, format, n)
	return err == nil && strings.HasPrefix(text, fmt.Sprintf(format, *n))
}

// shows are the rows, and where the cursor is.
func (s *terminal) shows() ([]string, int, int) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rows), s.row, s.col
}

func (s *terminal) wants(t *testing.T, want ...string) {
	t.Helper()
	got, row, col := s.shows()
	if got = slices.DeleteFunc(got, func(line string) bool { return line == "" }); !slices.Equal(got, want) {
		t.Errorf("it shows\n%s\nand should\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if row != len(want) || col != 0 {
		t.Errorf("the cursor is at %d, %d", row, col)
	}
}

func size(width, height int) func() (int, int) {
	return func() (int, int) { return width, height }
}

func TestBoardIsRedrawnInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &terminal{}
		var mu sync.Mutex
		lines := []string{"east quiet", "west"}
		set := func(is ...string) {
			mu.Lock()
			defer mu.Unlock()
			lines = is
		}
		b := progress.NewBoard(s, size(40, 24), func(time.Time) []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(lines)
		})
		time.Sleep(progress.Frame + time.Millisecond)
		s.wants(t, "east quiet", "west")
		_, _ = s.Write([]byte("^C")) // as a terminal echoes it
		set("east cut", "west quiet")
		time.Sleep(progress.Frame)
		s.wants(t, "east cut", "west quiet")
		b.Say("note: apac is lost")
		s.wants(t, "note: apac is lost", "east cut", "west quiet")
		set("east cut")
		time.Sleep(progress.Frame)
		s.wants(t, "note: apac is lost", "east cut")
		set("all released")
		b.Done()
		s.wants(t, "note: apac is lost", "all released")
		b.Say("error: but")
		time.Sleep(time.Minute)
		s.wants(t, "note: apac is lost", "all released", "error: but")
	})
}

func TestBoardDrawsTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &terminal{}
		began := time.Now()
		b := progress.NewBoard(s, size(40, 24), func(now time.Time) []string { return []string{now.Sub(began).String()} })
		time.Sleep(time.Second)
		s.shows()
		if s.writes < 5 || s.writes > 10 {
			t.Errorf("%d drawings in a second", s.writes)
		}
		b.Done()
		still := &terminal{}
		b = progress.NewBoard(still, size(40, 24), func(time.Time) []string { return []string{"same"} })
		time.Sleep(time.Second)
		still.shows()
		if still.writes != 1 {
			t.Errorf("what is the same was drawn %d times", still.writes)
		}
		b.Done()
	})
}

func TestBoardFitsTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &terminal{}
		b := progress.NewBoard(s, size(10, 4), func(time.Time) []string {
			return []string{"✔ a line that is too long", "2", "3", "4", "5"}
		})
		time.Sleep(2 * progress.Frame)
		s.wants(t, "✔ a line", "2", "and 3 lin")
		b.Done()
	})
}
