package v1alpha1

// Failure is one cluster's failure in the top-level field "failures" of every
// List that we print.
type Failure struct {
	// Cluster is the member name.
	Cluster string `json:"cluster"`
	// Reason is one word in CamelCase, such as Timeout or Forbidden: the values
	// of member.Reason. Scripts may depend on it.
	Reason string `json:"reason"`
	// Message is for people and may change.
	Message string `json:"message"`
	// Rows counts the objects of this cluster that the List holds in spite of
	// the failure.
	Rows int `json:"rows"`
}
