package cli

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
)

// PrintItems prints results of ours that are one for each cluster, which is an
// annotation of them, in a format that is no table; items are pointers.
func PrintItems(env *Env, output Output, items []metav1.Object, failures []fanout.Failure) error {
	printer, err := output.ListPrinter(env)
	if err != nil {
		return err
	}
	for _, item := range items {
		data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(item)
		if err != nil {
			return err
		}
		if err := printer.Print(item.GetAnnotations()[v1alpha1.ClusterAnnotation], &unstructured.Unstructured{Object: data}); err != nil {
			return err
		}
	}
	return printer.Close(APIFailures(failures))
}
