package member

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// mayBeCore is true for the types of the core group whose objects can be read.
// It only says for what that group is worth a look of its own.
func mayBeCore(typed string) bool {
	switch typed {
	case "componentstatuses", "configmaps", "endpoints", "events", "limitranges", "namespaces", "nodes", "persistentvolumeclaims",
		"persistentvolumes", "pods", "podtemplates", "replicationcontrollers", "resourcequotas", "secrets", "serviceaccounts", "services":
		return true
	}
	return false
}

// core finds a type by the core group's discovery alone. For what is written as
// a resource of that group is named, the rules of kubectl lead there and
// nowhere else: a full name goes before every short name, and the core group
// before every other. So the files of dozens of other groups need not be read.
func (x *typeIndex) core(typed string) (Resource, bool) {
	if !mayBeCore(typed) {
		return Resource{}, false
	}
	return x.among(corev1.SchemeGroupVersion, func(r *metav1.APIResource) bool { return r.Name == typed })
}
