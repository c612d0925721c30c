package query

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// LogLine is one line of a log, without its end.
type LogLine struct {
	Source *LogSource
	// Time is when it was written; empty if timestamps were not asked for.
	Time string
	Text string
}

// LogFailure is a log that could not be read to its end.
type LogFailure struct {
	Source *LogSource
	Err    error
	// Lines are those that came before.
	Lines int
}

// logsAhead is how many lines of a log are read ahead of its turn.
const logsAhead = 1024

// ReadLogs reads the logs to their end, as many at once as clusters would be,
// and hands over their lines: source by source, in the order given. It returns
// the failures, or the error of take, which ends it.
func ReadLogs(ctx context.Context, f Fleet, sources []LogSource, o corev1.PodLogOptions, take func(LogLine) error) ([]LogFailure, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	concurrency := f.Fanout.Concurrency
	if concurrency <= 0 {
		concurrency = fanout.DefaultConcurrency
	}
	readers := make([]*logReader, len(sources))
	for i := range sources {
		readers[i] = &logReader{members: f.Members, source: &sources[i], lines: make(chan LogLine, logsAhead)}
	}
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel(errStopped)
	slots := make(chan struct{}, concurrency)
	workers.Go(func() {
		for _, r := range readers {
			// In order, so that the one whose turn it is always has a slot.
			slots <- struct{}{}
			workers.Go(func() {
				defer func() { <-slots }()
				r.read(ctx, o)
			})
		}
	})
	var failures []LogFailure
	for _, r := range readers {
		n := 0
		for line := range r.lines {
			n++
			if err := take(line); err != nil {
				return failures, err
			}
		}
		if r.err != nil {
			failures = append(failures, LogFailure{Source: r.source, Err: cutOff(n, r.err), Lines: n})
		}
	}
	return failures, nil
}

// cutOff marks a failure after which something is shown.
func cutOff(lines int, err error) error {
	if lines == 0 {
		return err
	}
	return member.Incomplete(lines, err)
}

// logReader reads one log to its end.
type logReader struct {
	members *member.Pool
	source  *LogSource
	lines   chan LogLine
	err     error // to be read when lines is closed
}

func (r *logReader) read(ctx context.Context, o corev1.PodLogOptions) {
	defer close(r.lines)
	rest, err := readLog(ctx, r.members, r.source, o, func(line LogLine) error {
		select {
		case r.lines <- line:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	if rest != nil {
		select {
		case r.lines <- *rest:
		case <-ctx.Done():
		}
	}
	r.err = err
}

// readLog hands over every whole line of one log. What stands behind the last of
// them is the rest, whole or not: it may be cut off.
func readLog(ctx context.Context, members *member.Pool, source *LogSource, o corev1.PodLogOptions, take func(LogLine) error) (rest *LogLine, err error) {
	m, err := members.Member(ctx, source.Pod.Cluster)
	if err != nil {
		return nil, err
	}
	o.Container = source.Container
	body, err := m.PodLogs(ctx, source.Pod.Namespace, source.Pod.Name, o)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewReaderSize(body, 1<<15)
	for {
		text, err := lines.ReadBytes('\n')
		if err != nil && len(text) > 0 {
			line := logLine(source, text, o.Timestamps)
			rest = &line
		}
		switch {
		case err == io.EOF: // and not one that a broken connection wraps
			return rest, nil
		case err != nil:
			return rest, err
		}
		if err := take(logLine(source, text, o.Timestamps)); err != nil {
			return nil, err
		}
	}
}

func logLine(source *LogSource, text []byte, stamped bool) LogLine {
	line := LogLine{Source: source, Text: string(bytes.TrimSuffix(text, []byte("\n")))}
	if !stamped {
		return line
	}
	if stamp, rest, _ := strings.Cut(line.Text, " "); isStamp(stamp) {
		line.Time, line.Text = stamp, rest
	}
	return line
}

func isStamp(text string) bool {
	_, err := time.Parse(time.RFC3339Nano, text)
	return err == nil
}
