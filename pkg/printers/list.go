package printers

import (
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// ListPrinter prints objects of many clusters as one result. Objects arrive in
// their final order; Close ends the document and must be called even after a
// failure of some clusters, so that what is printed stays valid.
type ListPrinter interface {
	Print(cluster string, object *unstructured.Unstructured) error
	Close(failures []v1alpha1.Failure) error
}

// ListOptions are how a list is printed.
type ListOptions struct {
	// NoHeaders leaves out the header of custom columns.
	NoHeaders bool
	// Terminal says that a person's terminal is written to.
	Terminal bool
}

// NewListPrinter returns the printer of a format that is no table.
func NewListPrinter(w io.Writer, f Format, o ListOptions) (ListPrinter, error) {
	switch f.Name {
	case FormatJSON:
		return &jsonList{w: jsonWriter{w}}, nil
	case FormatJSONLines:
		return &jsonLines{w: jsonWriter{w}}, nil
	case FormatYAML:
		return &yamlList{w: w}, nil
	case FormatName:
		return &nameList{w: w}, nil
	case FormatJSONPath, FormatCustomColumns:
		return newWholeList(w, f, o)
	}
	return nil, fmt.Errorf("output format %q prints no objects", f.Name)
}

// nameList prints CLUSTER/TYPE/NAME, or TYPE/NAME for what is of no cluster.
type nameList struct{ w io.Writer }

func (l *nameList) Print(cluster string, object *unstructured.Unstructured) error {
	kind := object.GroupVersionKind().GroupKind()
	name := strings.ToLower(kind.String()) + "/" + object.GetName()
	if cluster != "" {
		name = cluster + "/" + name
	}
	_, err := fmt.Fprintln(l.w, Escape(name))
	return err
}

func (*nameList) Close([]v1alpha1.Failure) error { return nil }
