package printers

import (
	"encoding/json"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

const jsonIndent = "    " // kubectl's

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
