package printers

import (
	"encoding/json"
	"fmt"
	"io"
)

// Document prints one document of our own that is no list, so that it can be kept
// as a file. The format is JSON or YAML. On a terminal it is escaped.
func Document(w io.Writer, f Format, value any, terminal bool) error {
	var text []byte
	var err error
	switch f.Name {
	case FormatJSON:
		text, err = json.MarshalIndent(value, "", jsonIndent)
		text = append(escapeJSON(text), '\n')
	case FormatYAML:
		text, err = marshalYAML(value)
	default:
		err = fmt.Errorf("output format %q prints no document", f.Name)
	}
	if err != nil {
		return err
	}
	if terminal {
		text = []byte(Escape(string(text)))
	}
	_, err = w.Write(text)
	return err
}
