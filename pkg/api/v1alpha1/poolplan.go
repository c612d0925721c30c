package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// PoolPlanKind is the kind of a plan by which nodes come to one cluster.
const PoolPlanKind = "PoolPlan"

// PoolPlan is a pool of one cluster that gets another count. `kubectl fleetscale up`
// and `set` print it in a dry run.
type PoolPlan struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the cluster's name, which is an annotation, too.
	metav1.ObjectMeta `json:"metadata"`

	PoolGrowth `json:",inline"`

	// Owner is what keeps the pool.
	Owner NodeOwner `json:"owner"`
	// Min and Max are the limits that an autoscaler was given.
	Min *int64 `json:"min,omitempty"`
	Max *int64 `json:"max,omitempty"`
}
