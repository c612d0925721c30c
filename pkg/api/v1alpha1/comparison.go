package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ComparisonKind is the kind that `diff` prints.
const ComparisonKind = "Comparison"

// Comparison is one object of several clusters, compared: the clusters that
// agree, and what the others differ in.
type Comparison struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the object's name, and its namespace where all copies are
	// in one.
	metav1.ObjectMeta `json:"metadata"`

	// Object is what was compared.
	Object ComparedObject `json:"object"`
	// Agree says that every cluster that answered has the same object.
	Agree bool `json:"agree"`
	// Groups are the clusters that agree with one another: the reference first,
	// then from the largest to the smallest, those without the object last.
	Groups []ComparisonGroup `json:"groups"`
}

// ComparedObject names the kind of what was compared.
type ComparedObject struct {
	// Group is empty for the core group.
	Group string `json:"group,omitempty"`
	Kind  string `json:"kind"`
}

// ComparisonGroup is clusters whose objects are the same.
type ComparisonGroup struct {
	// Clusters are member names, sorted.
	Clusters []string `json:"clusters"`
	// Reference marks the group that the others are compared with: the largest
	// that has the object.
	Reference bool `json:"reference,omitempty"`
	// Absent: these clusters do not have the object.
	Absent bool `json:"absent,omitempty"`
	// Differences from the reference, sorted by path.
	Differences []Difference `json:"differences,omitempty"`
}

// Difference is one field that is not as in the reference.
type Difference struct {
	// Path of the field, such as spec.containers[name=web].image.
	Path string `json:"path"`
	// Reference is the field's value in the reference; left out where it does
	// not have the field. What a Secret holds is a hash.
	Reference any `json:"reference,omitempty"`
	// Value is the field's value in the group; left out where it does not have
	// the field.
	Value any `json:"value,omitempty"`
	// Order: the items of the list are in another order. The values are the
	// items' keys.
	Order bool `json:"order,omitempty"`
}
