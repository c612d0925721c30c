package inventory

import (
	"maps"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
)

// NamespaceLabel is a label that each cluster of a namespaced inventory has
// beside its own: the namespace of its entry.
const NamespaceLabel = "kubectl-fleet.io/namespace"

// ObjectLabels are the labels of a hub's entry, with its namespace.
func ObjectLabels(o *unstructured.Unstructured) labels.Set {
	set := labels.Set{}
	maps.Copy(set, o.GetLabels())
	if o.GetNamespace() != "" {
		set[NamespaceLabel] = o.GetNamespace()
	}
	return set
}

// ObjectPath names a hub's entry to a person: "Cluster team-a/east".
func ObjectPath(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

// Condition reads one condition of an entry's status as a claim, and its
// message where it does not hold. Empty: there is no such condition.
func Condition(o *unstructured.Unstructured, condition string) (claim, message string) {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		fields, _ := c.(map[string]any)
		if fields["type"] != condition {
			continue
		}
		if fields["status"] == string(metav1.ConditionTrue) {
			return ClaimReady, ""
		}
		message, _ = fields["message"].(string)
		if reason, _ := fields["reason"].(string); reason != "" {
			message = reason + ": " + message
		}
		return ClaimNotReady, message
	}
	return "", ""
}
