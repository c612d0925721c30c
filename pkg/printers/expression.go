package printers

import (
	"bytes"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"
)

// expression prints what a JSONPath or custom columns pick from an object or a
// list.
type expression struct {
	print func(w io.Writer, of runtime.Unstructured) error
	// terminal: what is printed is escaped.
	terminal bool
}

func newExpression(f Format, o ListOptions) (*expression, error) {
	e := &expression{terminal: o.Terminal}
	if f.Name == FormatJSONPath {
		// Not cli-runtime's printer of JSONPaths: its error holds all data, and
		// that may be Secrets.
		path := jsonpath.New("out").AllowMissingKeys(true)
		if err := path.Parse(f.Argument); err != nil {
			return nil, fmt.Errorf("output format %s: %w", f.Name, err)
		}
		e.print = func(w io.Writer, of runtime.Unstructured) error { return path.Execute(w, of.UnstructuredContent()) }
		return e, nil
	}
	columns, err := newCustomColumns(f.Argument, o.NoHeaders)
	if err != nil {
		return nil, fmt.Errorf("output format %s: %w", f.Name, err)
	}
	e.print = columns.print
	return e, nil
}

func (e *expression) write(w io.Writer, of runtime.Unstructured) error {
	var text bytes.Buffer
	if err := e.print(&text, of); err != nil {
		return err
	}
	if e.terminal {
		_, err := io.WriteString(w, Escape(text.String()))
		return err
	}
	_, err := w.Write(text.Bytes())
	return err
}
