package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ConsumptionKind is the kind of one line of `kubectl fleet top`.
const ConsumptionKind = "Consumption"

// Consumption is what a node or pod of one cluster uses, as the cluster's
// metrics API says.
type Consumption struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the node's or pod's own name and namespace, and names the
	// cluster.
	metav1.ObjectMeta `json:"metadata"`

	// ObjectKind is Node or Pod.
	ObjectKind string `json:"objectKind"`
	// Usage is what is used now.
	Usage Capacity `json:"usage"`
	// Allocatable is what a node can give. Nil for a pod, and where the user may
	// not read nodes.
	Allocatable *Capacity `json:"allocatable,omitempty"`
}

// Capacity is an amount of CPU and memory, as Kubernetes quantities (cores,
// bytes).
type Capacity struct {
	CPU    string `json:"cpu"`
	Memory string `json:"memory"`
}
