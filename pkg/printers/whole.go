package printers

import (
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubeprinters "k8s.io/cli-runtime/pkg/printers"
	"k8s.io/kubectl/pkg/cmd/get"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// wholeList gathers everything and prints it at the end: a JSONPath sees the
// whole document, failures included, and custom columns need all widths.
type wholeList struct {
	w       io.Writer
	printer kubeprinters.ResourcePrinter
	list    unstructured.UnstructuredList
}

func newWholeList(w io.Writer, f Format, noHeaders bool) (*wholeList, error) {
	list := &wholeList{w: w}
	var err error
	if f.Name == FormatJSONPath {
		var path *kubeprinters.JSONPathPrinter
		if path, err = kubeprinters.NewJSONPathPrinter(f.Argument); err == nil {
			path.AllowMissingKeys(true) // as in kubectl get
			list.printer = path
		}
	} else {
		list.printer, err = get.NewCustomColumnsPrinterFromSpec(f.Argument, unstructured.UnstructuredJSONScheme, noHeaders)
	}
	if err != nil {
		return nil, fmt.Errorf("output format %s: %w", f.Name, err)
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
	return l.printer.PrintObj(&l.list, l.w)
}
