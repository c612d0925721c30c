package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ReplicaShare is one cluster's part of a workload.
type ReplicaShare struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
	// Replicas are this cluster's, of Total.
	Replicas int64 `json:"replicas"`
	Total    int64 `json:"total"`
	// Tied says that others have as much claim to one replica, and that names
	// decided.
	Tied bool `json:"tied,omitempty"`
}

// UsedImageKind is the kind of an image that propagated objects use.
const UsedImageKind = "UsedImage"

// UsedImage is an image and where it would be used.
type UsedImage struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the image as its name.
	metav1.ObjectMeta `json:"metadata"`

	// Clusters are those whose objects use it.
	Clusters []string `json:"clusters"`
}
