package printers

import (
	"bytes"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/jsonpath"
	"k8s.io/kubectl/pkg/cmd/get"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// wholeList gathers everything and prints it at the end: a JSONPath sees the
// whole document, failures included, and custom columns need all widths.
type wholeList struct {
	w io.Writer
	// terminal: what is printed is escaped.
	terminal bool
	print    func(w io.Writer, list *unstructured.UnstructuredList) error
	list     unstructured.UnstructuredList
}

func newWholeList(w io.Writer, f Format, o ListOptions) (*wholeList, error) {
	list := &wholeList{w: w, terminal: o.Terminal}
	if f.Name == FormatJSONPath {
		// Not cli-runtime's printer of JSONPaths: its error holds all data, and
		// that may be Secrets.
		path := jsonpath.New("out").AllowMissingKeys(true)
		if err := path.Parse(f.Argument); err != nil {
			return nil, fmt.Errorf("output format %s: %w", f.Name, err)
		}
		list.print = func(w io.Writer, list *unstructured.UnstructuredList) error {
			return path.Execute(w, list.UnstructuredContent())
		}
		return list, nil
	}
	columns, err := get.NewCustomColumnsPrinterFromSpec(f.Argument, unstructured.UnstructuredJSONScheme, o.NoHeaders)
	if err != nil {
		return nil, fmt.Errorf("output format %s: %w", f.Name, err)
	}
	list.print = func(w io.Writer, list *unstructured.UnstructuredList) error {
		return columns.PrintObj(list, w)
	}
	return list, nil
}

func (l *wholeList) Print(_ string, object *unstructured.Unstructured) error {
	l.list.Items = append(l.list.Items, *object)
	return nil
}

func (l *wholeList) Close(failures []v1alpha1.Failure) error {
	asData := make([]any, len(failures))
	for i := range failures {
		data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&failures[i])
		if err != nil {
			return err
		}
		asData[i] = data
	}
	l.list.Object = map[string]any{"apiVersion": "v1", "kind": "List", "metadata": map[string]any{}, "failures": asData}
	var text bytes.Buffer
	if err := l.print(&text, &l.list); err != nil {
		return err
	}
	if l.terminal {
		_, err := io.WriteString(l.w, Escape(text.String()))
		return err
	}
	_, err := l.w.Write(text.Bytes())
	return err
}
