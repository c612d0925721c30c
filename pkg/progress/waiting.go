package progress

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
)

// Patience is how long nothing is said: most fleets answer sooner.
const Patience = time.Second

// maxNamed is how many of the clusters waited for are named.
const maxNamed = 4

// Waiting is one live line that names the clusters still waited for, such as
// "waiting for 2 of 40: apac, west". It is a fanout.Observer.
type Waiting struct {
	w     io.Writer
	mu    sync.Mutex
	total int
	open  map[string]bool
	live  bool // Patience is over: the line follows the events
	shown bool // something stands on the line
	stop  chan struct{}
	ended chan struct{}
}

var _ fanout.Observer = (*Waiting)(nil)

// NewWaiting starts the line for these clusters. Done must be called.
func NewWaiting(w io.Writer, clusters []string) *Waiting {
	l := &Waiting{w: w, total: len(clusters), open: map[string]bool{}, stop: make(chan struct{}), ended: make(chan struct{})}
	for _, c := range clusters {
		l.open[c] = true
	}
	go l.run()
	return l
}

// Observe implements fanout.Observer.
func (l *Waiting) Observe(e fanout.Event) {
	if e.Kind != fanout.Finished {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, e.Cluster)
	if l.live {
		l.draw()
	}
}

// Pause takes the line away, so that rows can be written to the same terminal,
// until the function returned is called.
func (l *Waiting) Pause() (resume func()) {
	l.mu.Lock()
	l.erase()
	return func() {
		if l.live {
			l.draw()
		}
		l.mu.Unlock()
	}
}

// Done takes the line away. Nothing is written after it returns.
func (l *Waiting) Done() {
	close(l.stop)
	<-l.ended
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
}

func (l *Waiting) run() {
	defer close(l.ended)
	select {
	case <-time.After(Patience):
	case <-l.stop:
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live = true
	l.draw()
}

const eraseLine = "\r\x1b[K"

func (l *Waiting) draw() {
	l.erase()
	if len(l.open) == 0 {
		return
	}
	names := make([]string, 0, len(l.open))
	for name := range l.open {
		names = append(names, name)
	}
	slices.Sort(names)
	text := strings.Join(names[:min(maxNamed, len(names))], ", ")
	if more := len(names) - maxNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	_, _ = fmt.Fprintf(l.w, "waiting for %d of %d: %s", len(l.open), l.total, text)
	l.shown = true
}

func (l *Waiting) erase() {
	if l.shown {
		_, _ = io.WriteString(l.w, eraseLine)
		l.shown = false
	}
}
