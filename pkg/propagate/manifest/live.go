package manifest

import (
	"fmt"
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
)

// FromLive makes a manifest of an object as a cluster has it: without what that
// cluster has filled in, and without the marks of whoever has it there. One that a
// controller has made is an error that names the controller.
func FromLive(live *unstructured.Unstructured, cluster string) (Object, error) {
	o := Object{Unstructured: drift.Portable(live), Origin: Origin{Source: cluster}, Literal: true}
	if owner := metav1.GetControllerOf(live); owner != nil {
		return o, &Error{o.Origin, fmt.Errorf("%s is made by %s %s: propagate that", o.What(), owner.Kind, owner.Name)}
	}
	o.SetOwnerReferences(nil)
	o.SetFinalizers(nil)
	o.SetGenerateName("")
	labels := o.GetLabels()
	maps.DeleteFunc(labels, func(name, _ string) bool { return strings.HasPrefix(name, "applyset.kubernetes.io/") })
	if len(labels) == 0 {
		labels = nil
	}
	o.SetLabels(labels)
	unstructured.RemoveNestedField(o.Object, "metadata", "deletionTimestamp")
	unstructured.RemoveNestedField(o.Object, "metadata", "deletionGracePeriodSeconds")
	return o, nil
}
