package printers

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// LogPrinter prints the lines of logs.
type LogPrinter interface {
	Print(line query.LogLine) error
}

// LogOptions are how logs are printed.
type LogOptions struct {
	// JSON: one object a line.
	JSON bool
	// Timestamps puts a line's time before it.
	Timestamps bool
	// Terminal says that a person's terminal is written to.
	Terminal bool
}

// NewLogPrinter returns a printer that writes each line at once.
func NewLogPrinter(w io.Writer, o LogOptions) LogPrinter {
	if o.JSON {
		encoder := json.NewEncoder(jsonWriter{w})
		encoder.SetEscapeHTML(false)
		return &jsonLog{encoder: encoder}
	}
	return &textLog{w: w, options: o}
}

// textLog prints [CLUSTER/POD] before each line, with the container where the
// pod has several.
type textLog struct {
	w       io.Writer
	options LogOptions
	line    strings.Builder
}

func (l *textLog) Print(line query.LogLine) error {
	l.line.Reset()
	l.line.WriteString("[" + line.Source.String() + "] ")
	if l.options.Timestamps && line.Time != "" {
		l.line.WriteString(line.Time + " ")
	}
	l.line.WriteString(line.Text)
	text := l.line.String()
	if l.options.Terminal {
		text = Escape(text)
	}
	_, err := io.WriteString(l.w, text+"\n")
	return err
}

type jsonLog struct{ encoder *json.Encoder }

func (l *jsonLog) Print(line query.LogLine) error {
	return l.encoder.Encode(struct {
		Cluster   string `json:"cluster"`
		Namespace string `json:"namespace"`
		Pod       string `json:"pod"`
		Container string `json:"container"`
		Time      string `json:"time,omitempty"`
		Line      string `json:"line"`
	}{
		Cluster: line.Source.Pod.Cluster.Name, Namespace: line.Source.Pod.Namespace, Pod: line.Source.Pod.Name,
		Container: line.Source.Container, Time: line.Time, Line: line.Text,
	})
}
