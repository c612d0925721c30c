package printers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

const jsonIndent = "    " // kubectl's

// jsonWriter passes JSON on with what JSON may hold and a terminal obeys in the
// other form that JSON has for it: control characters beyond those that JSON
// escapes itself, and the marks that reverse the direction of text. It does so
// wherever it writes to: the output has one form, and its meaning is the same.
// A character is written whole.
type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(text []byte) (int, error) {
	if _, err := j.w.Write(escapeJSON(text)); err != nil {
		return 0, err
	}
	return len(text), nil
}

// escapeJSON also escapes what is no character, or the mark of a byte order.
func escapeJSON(text []byte) []byte {
	beyond := func(r rune) bool {
		return r >= 0x7f && r <= 0x9f || r == 0xfeff || r == 0xfffe || r == 0xffff || unicode.Is(unicode.Bidi_Control, r)
	}
	if bytes.IndexFunc(text, beyond) < 0 {
		return text
	}
	var escaped bytes.Buffer
	for _, r := range string(text) {
		if beyond(r) {
			fmt.Fprintf(&escaped, `\u%04x`, r)
		} else {
			escaped.WriteRune(r)
		}
	}
	return escaped.Bytes()
}

// jsonList streams one List: memory does not grow with the number of items.
type jsonList struct {
	w     io.Writer
	begun bool
}

func (l *jsonList) Print(_ string, object *unstructured.Unstructured) error {
	separator := ",\n" + jsonIndent + jsonIndent
	if !l.begun {
		separator = l.head() + "\n" + jsonIndent + jsonIndent
		l.begun = true
	}
	text, err := json.MarshalIndent(object.Object, jsonIndent+jsonIndent, jsonIndent)
	if err != nil {
		return err
	}
	_, err = io.WriteString(l.w, separator+string(text))
	return err
}

func (l *jsonList) Close(failures []v1alpha1.Failure) error {
	end := "\n" + jsonIndent + "]"
	if !l.begun {
		end = l.head() + "]"
	}
	if failures == nil {
		failures = []v1alpha1.Failure{} // the field is there, always
	}
	text, err := json.MarshalIndent(failures, jsonIndent, jsonIndent)
	if err != nil {
		return err
	}
	end += ",\n" + jsonIndent + `"failures": ` + string(text)
	end += ",\n" + jsonIndent + `"kind": "List"` + ",\n" + jsonIndent + `"metadata": {}` + "\n}\n"
	_, err = io.WriteString(l.w, end)
	return err
}

func (*jsonList) head() string {
	return "{\n" + jsonIndent + `"apiVersion": "v1",` + "\n" + jsonIndent + `"items": [`
}

// jsonLines prints one object a line. Failures have no place in a stream of
// objects; they are on stderr and in the exit code.
type jsonLines struct{ w io.Writer }

func (l *jsonLines) Print(_ string, object *unstructured.Unstructured) error {
	return json.NewEncoder(l.w).Encode(object.Object)
}

func (*jsonLines) Close([]v1alpha1.Failure) error { return nil }
