package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FoundKind is the kind of one thing that `kubectl fleet find` found.
const FoundKind = "Found"

// Found is an object that `kubectl fleet find` found in one cluster.
type Found struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the object's own name, namespace and, where it was learned,
	// age, and names the cluster.
	metav1.ObjectMeta `json:"metadata"`

	// Object is the type of the object.
	Object FoundObject `json:"object"`
	// Images are the images that were looked for and that the object uses.
	Images []FoundImage `json:"images,omitempty"`
}

// FoundObject is the type of what was found.
type FoundObject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// FoundImage is an image that a workload uses.
type FoundImage struct {
	// Image is the reference, as the workload or its pods name it.
	Image string `json:"image"`
	// Containers are those that use it, init and ephemeral containers included.
	Containers []string `json:"containers"`
	// Digests are what pods really run under the reference. Several: it was
	// built, or pushed, more than once. None: no pod has started it.
	Digests []string `json:"digests"`
	// Pods counts the pods that name the reference.
	Pods int `json:"pods"`
}
