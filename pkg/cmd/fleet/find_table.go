package fleet

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

func (o *findOptions) write(found []v1alpha1.Found, report query.Report) error {
	switch {
	case !o.output.Format.IsTable():
	case o.request.Image != nil:
		return printers.Table(o.env.Out, imageTable(found, o.output.Table().Wide), o.output.Table())
	default:
		return printers.Table(o.env.Out, foundTable(found, time.Now()), o.output.Table())
	}
	printer, err := o.output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	for i := range found {
		data, err := o.object(&found[i])
		if err != nil {
			return err
		}
		if err := printer.Print(found[i].Annotations[v1alpha1.ClusterAnnotation], data); err != nil {
			return err
		}
	}
	return printer.Close(cli.APIFailures(report.Failures))
}

// object is what a program gets: our own kind, but for -o name, which names
// what was found and not that it was.
func (o *findOptions) object(found *v1alpha1.Found) (*unstructured.Unstructured, error) {
	if o.output.Format.Name == printers.FormatName {
		object := &unstructured.Unstructured{Object: map[string]any{}}
		object.SetAPIVersion(found.Object.APIVersion)
		object.SetKind(found.Object.Kind)
		object.SetName(found.Name)
		return object, nil
	}
	data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(found)
	return &unstructured.Unstructured{Object: data}, err
}

func foundTable(found []v1alpha1.Found, now time.Time) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Namespace", "Kind", "Name", "Age")}
	for i := range found {
		f := &found[i]
		age := "<unknown>"
		if !f.CreationTimestamp.IsZero() {
			age = duration.HumanDuration(now.Sub(f.CreationTimestamp.Time))
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			f.Annotations[v1alpha1.ClusterAnnotation], printers.OrNone(f.Namespace), f.Object.Kind, f.Name, age,
		}})
	}
	return table
}

// imageTable has a row for each image of each workload.
func imageTable(found []v1alpha1.Found, wide bool) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Namespace", "Kind", "Name", "Image", "Digests", "Pods", "Containers")}
	for i := len(table.ColumnDefinitions) - 2; i < len(table.ColumnDefinitions); i++ {
		table.ColumnDefinitions[i].Priority = 1
	}
	for i := range found {
		f := &found[i]
		for _, image := range f.Images {
			digests := make([]string, len(image.Digests))
			for j, digest := range image.Digests {
				digests[j] = shortDigest(digest, wide)
			}
			table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
				f.Annotations[v1alpha1.ClusterAnnotation], f.Namespace, f.Object.Kind, f.Name, image.Image,
				printers.OrNone(strings.Join(digests, ", ")), fmt.Sprint(image.Pods), strings.Join(image.Containers, ","),
			}})
		}
	}
	return table
}

// shortDigest is as much of a digest as tells two apart, and as --image
// understands.
func shortDigest(digest string, whole bool) string {
	const enough = len("sha256:") + 12
	if whole || len(digest) <= enough {
		return digest
	}
	return digest[:enough]
}
