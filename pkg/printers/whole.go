package printers

import (
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// wholeList gathers everything and prints it at the end: a JSONPath sees the
// whole document, failures included, and custom columns need all widths.
type wholeList struct {
	expression *expression
	w          io.Writer
	list       unstructured.UnstructuredList
}

func newWholeList(w io.Writer, f Format, o ListOptions) (*wholeList, error) {
	printed, err := newExpression(f, o)
	if err != nil {
		return nil, err
	}
	return &wholeList{expression: printed, w: w}, nil
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
	return l.expression.write(l.w, &l.list)
}
