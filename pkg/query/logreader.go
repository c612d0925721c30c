package query

import (
	"context"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// logsAhead is how many lines of a log are read ahead of its turn.
const logsAhead = 1024

// logReader reads one log to its end, ahead of its turn or when it is there.
type logReader struct {
	ctx     context.Context //nolint:containedctx // lives for one log
	members *member.Pool
	source  *LogSource
	options corev1.PodLogOptions

	claimed atomic.Bool
	lines   chan LogLine
	handed  int   // lines, to whoever shows them
	err     error // to be read when lines is closed, or readNow has returned
}

func newLogReader(ctx context.Context, members *member.Pool, source *LogSource, o corev1.PodLogOptions) *logReader {
	return &logReader{ctx: ctx, members: members, source: source, options: o, lines: make(chan LogLine, logsAhead)}
}

// claim tells whether nobody reads the log yet: it is the caller's then.
func (r *logReader) claim() bool { return r.claimed.CompareAndSwap(false, true) }

// readAhead reads as far as lines has room, unless somebody reads the log already.
func (r *logReader) readAhead() {
	if !r.claim() {
		return
	}
	defer close(r.lines)
	r.err = r.read(func(line LogLine) error {
		select {
		case r.lines <- line:
			return nil
		case <-r.ctx.Done():
			return context.Cause(r.ctx)
		}
	})
}

// handOver hands over a log whose turn it is. One that no slot was there for yet
// is read now: whoever has the slots may be waiting for a later turn.
func (r *logReader) handOver(take func(LogLine) error) error {
	if r.claim() {
		return r.readNow(take)
	}
	for line := range r.lines {
		r.handed++
		if err := take(line); err != nil {
			return err
		}
	}
	return nil
}

// readNow hands over each line as it comes. It returns the error of take; that
// of the log is in err.
func (r *logReader) readNow(take func(LogLine) error) (stopped error) {
	r.err = r.read(func(line LogLine) error {
		r.handed++
		stopped = take(line)
		return stopped
	})
	return stopped
}

func (r *logReader) read(take func(LogLine) error) error {
	rest, err := readLog(r.ctx, r.members, r.source, r.options, take)
	if rest != nil {
		if stopped := take(*rest); err == nil {
			return stopped
		}
	}
	return err
}
