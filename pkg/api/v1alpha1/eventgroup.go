package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EventGroupKind is the kind of one line of `kubectl fleet events`.
const EventGroupKind = "EventGroup"

// EventGroup is events of one or several clusters that say the same: of one
// type and reason, about objects of one kind, namespace and pattern of name.
type EventGroup struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has a name for the line, the objects' namespace, and names the
	// cluster, if it is one.
	metav1.ObjectMeta `json:"metadata"`

	// Type is Normal or Warning.
	Type string `json:"type"`
	// Reason is one word in CamelCase.
	Reason string `json:"reason"`
	// ObjectKind is the kind of the objects.
	ObjectKind string `json:"objectKind"`
	// ObjectName is the name of the object or, of several, what their names have
	// in common, with * in place of ordinals and random parts.
	ObjectName string `json:"objectName"`
	// Clusters are those that have such events, sorted.
	Clusters []string `json:"clusters"`
	// Count is how often it happened, in all clusters.
	Count int64 `json:"count"`
	// LastSeen is when it happened last.
	LastSeen metav1.Time `json:"lastSeen"`
	// Message is that of the newest event.
	Message string `json:"message"`
}
