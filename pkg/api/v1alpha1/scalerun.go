package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ScaleRunKind is the kind of a run by which nodes leave one cluster, or come.
const ScaleRunKind = "ScaleRun"

// ScaleRun is how far a run has come in one cluster, as its journal there says.
type ScaleRun struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the run's name. The cluster is an annotation.
	metav1.ObjectMeta `json:"metadata"`

	// By is who began it, as USER@HOST, and Started when.
	By      string `json:"by,omitempty"`
	Started string `json:"started,omitempty"`
	// Phase is Running, Paused, Done or Aborted.
	Phase string `json:"phase"`
	// Locked: somebody is at work on it now, or was killed a moment ago.
	Locked bool `json:"locked,omitempty"`
	// Why it is paused.
	Why string `json:"why,omitempty"`
	// Growth is what a run is about by which nodes come; absent: nodes leave.
	Growth *PoolGrowth `json:"growth,omitempty"`
	// Nodes are those that leave, or those of the new ones that take pods.
	Nodes []ScaleRunNode `json:"nodes"`
}

// PoolGrowth is a pool that gets more nodes.
type PoolGrowth struct {
	Pool string `json:"pool"`
	// From and To are its count before and after.
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// ScaleRunNode is how far a node has come.
type ScaleRunNode struct {
	Name string `json:"name"`
	Wave int    `json:"wave"`
	// Phase is Waiting, Draining, Removing, Removed, Drained, Kept or Joined.
	Phase string `json:"phase"`
	Why   string `json:"why,omitempty"`
}

// BudgetStateKind is the kind that `kubectl fleetscale pdb` prints.
const BudgetStateKind = "BudgetState"

// BudgetState is what a PodDisruptionBudget of one cluster allows.
type BudgetState struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the budget's namespace and name. The cluster is an annotation.
	metav1.ObjectMeta `json:"metadata"`

	// Class is Open, Waiting, Permanent or Uncounted.
	Class string `json:"class"`
	// Demand is such as "minAvailable 1 of 1".
	Demand  string `json:"demand"`
	Allowed int    `json:"allowed"`
	Healthy int    `json:"healthy"`
	Pods    int    `json:"pods"`
	// Shared are pods that are under another budget, too, and so cannot be evicted at
	// all.
	Shared []string `json:"shared,omitempty"`
	Fix    string   `json:"fix,omitempty"`
}
