package query

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

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
