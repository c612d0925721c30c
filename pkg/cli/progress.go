package cli

import (
	"os"
	"time"

	"golang.org/x/term"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/progress"
)

// Waiting is the line that names the clusters still waited for. The zero value
// shows nothing.
type Waiting struct{ line *progress.Waiting }

// ShowWaiting shows on a terminal which clusters are still waited for, until
// Done is called. It sets the selection's observer.
func (s *Selection) ShowWaiting(env *Env) Waiting {
	if !env.ErrTerminal {
		return Waiting{}
	}
	names := make([]string, len(s.Clusters))
	for i, c := range s.Clusters {
		names[i] = c.Name
	}
	line := progress.NewWaiting(env.ErrOut, names)
	s.Fanout.Observer = line
	return Waiting{line: line}
}

// Pause takes the line away while something else is written, until the function
// returned is called.
func (w Waiting) Pause() (resume func()) {
	if w.line == nil {
		return func() {}
	}
	return w.line.Pause()
}

// Done takes the line away for good.
func (w Waiting) Done() {
	if w.line != nil {
		w.line.Done()
	}
}

// ShowBoard shows some lines at the end of the terminal, as they are at a time, until Done
// is called. It is nil where no person looks.
func (e *Env) ShowBoard(lines func(now time.Time) []string) *progress.Board {
	if !e.ErrTerminal {
		return nil
	}
	size := func() (width, height int) {
		if file, is := e.ErrOut.(*os.File); is {
			width, height, _ = term.GetSize(int(file.Fd())) // 0 where it is not known
		}
		return width, height
	}
	return progress.NewBoard(e.ErrOut, size, lines)
}
