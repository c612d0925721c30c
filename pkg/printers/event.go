package printers

import (
	"encoding/json"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// EventPrinter prints objects one by one as they change. No document is open
// between two of them.
type EventPrinter interface {
	Print(cluster string, event watch.EventType, object *unstructured.Unstructured) error
}

// NewEventPrinter returns the printer of a format that is no table and has no
// end. withEvent says what happened, too.
func NewEventPrinter(w io.Writer, f Format, withEvent bool, o ListOptions) (EventPrinter, error) {
	switch {
	case f.Name == FormatJSON || f.Name == FormatYAML:
		return nil, fmt.Errorf("-o %s is one document, and a watch has no end: -o %s is an object a line", f.Name, FormatJSONLines)
	case f.Name == FormatJSONLines && withEvent:
		return eventLines{jsonWriter{w}}, nil
	case withEvent:
		return nil, fmt.Errorf("-o %s has no place for what happened: tables and -o %s have", f.Name, FormatJSONLines)
	case f.Name == FormatJSONPath || f.Name == FormatCustomColumns:
		printed, err := newExpression(f, o)
		return eachObject{printed, w}, err
	}
	list, err := NewListPrinter(w, f, o)
	return eventless{list}, err
}

// eventLines prints {"type": …, "object": …}, one a line.
type eventLines struct{ w io.Writer }

func (l eventLines) Print(_ string, event watch.EventType, object *unstructured.Unstructured) error {
	return json.NewEncoder(l.w).Encode(map[string]any{"type": event, "object": object.Object})
}

// eachObject evaluates an expression on each object alone.
type eachObject struct {
	*expression
	w io.Writer
}

func (e eachObject) Print(_ string, _ watch.EventType, object *unstructured.Unstructured) error {
	return e.write(e.w, object)
}

// eventless prints objects as in a list that needs no end.
type eventless struct{ list ListPrinter }

func (l eventless) Print(cluster string, _ watch.EventType, object *unstructured.Unstructured) error {
	return l.list.Print(cluster, object)
}
