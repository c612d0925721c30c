package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ScalePlanKind is the kind of a plan by which nodes leave one cluster.
const ScalePlanKind = "ScalePlan"

// ScalePlan is which nodes leave a cluster, in which order, where their pods go,
// and what keeps the others. `kubectl fleetscale plan -o yaml` writes it, and
// `down --plan` reads it.
type ScalePlan struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the cluster's name, which is an annotation, too.
	metav1.ObjectMeta `json:"metadata"`

	// ClusterUID is the UID of the cluster's namespace kube-system.
	ClusterUID string `json:"clusterUID"`
	// KeepNodes: the nodes are emptied, and stay.
	KeepNodes bool `json:"keepNodes,omitempty"`
	// Asked is how many nodes were to leave; 0 where they were named.
	Asked int `json:"asked,omitempty"`
	// Workers counts the nodes that may run ordinary pods.
	Workers int `json:"workers"`
	// Unhealthy is why nothing may leave this cluster now, in sentences.
	Unhealthy []string `json:"unhealthy,omitempty"`
	// Most is how many nodes could leave at once; -1 if that was not looked for.
	Most int `json:"most"`
	// Limit is what keeps one more from leaving.
	Limit string `json:"limit,omitempty"`
	// Nodes leave, in this order.
	Nodes []LeavingNode `json:"nodes"`
	// Blocked are nodes that were asked for, or come first, and cannot leave.
	Blocked []BlockedNode `json:"blocked,omitempty"`
	// Passed are nodes that are not considered.
	Passed []PassedNode `json:"passed,omitempty"`
	// Budgets are those that the leaving pods are under.
	Budgets []BudgetNeed `json:"budgets,omitempty"`
	// NotModelled is what the placement does not know of, in sentences.
	NotModelled []string `json:"notModelled,omitempty"`
	// Hash is over all that `down --plan` relies on.
	Hash string `json:"hash,omitempty"`
}

// LeavingNode is a node that leaves.
type LeavingNode struct {
	Name string    `json:"name"`
	UID  types.UID `json:"uid"`
	// Wave is its number, from 1. The nodes of a wave are emptied together.
	Wave int    `json:"wave"`
	Zone string `json:"zone,omitempty"`
	// Why it comes at this place, such as "empty" or "cpu 4% mem 6%".
	Why string `json:"why"`
	// Fit is Fits or Tight: whether its pods have places in whatever order they come,
	// or in some.
	Fit string `json:"fit,omitempty"`
	// Pods are those that move. Those of DaemonSets and static ones go with the node.
	Pods []LeavingPod `json:"pods,omitempty"`
	// Owner is who keeps the node.
	Owner NodeOwner `json:"owner,omitzero"`
	// ETASeconds is a guess at how long its wave takes.
	ETASeconds int `json:"etaSeconds"`
}

// LeavingPod is a pod that moves.
type LeavingPod struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       types.UID `json:"uid"`
	// To is the node that it would run on today.
	To string `json:"to,omitempty"`
	// Budget is the PodDisruptionBudget that it is under, in its namespace.
	Budget string `json:"budget,omitempty"`
}

// NodeOwner is what keeps a node: what would replace it if it only went away.
type NodeOwner struct {
	// Remover is the way in which it is removed: node, clusterapi, karpenter, kurator
	// or hook.
	Remover    string    `json:"remover,omitempty"`
	APIVersion string    `json:"apiVersion,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	Namespace  string    `json:"namespace,omitempty"`
	Name       string    `json:"name,omitempty"`
	UID        types.UID `json:"uid,omitempty"`
	// Count is how many nodes it keeps; absent where it has no count.
	Count *int64 `json:"count,omitempty"`
}

// BlockedNode is a node that cannot leave.
type BlockedNode struct {
	Name     string    `json:"name"`
	Blockers []Blocker `json:"blockers"`
}

// Blocker is what keeps a node.
type Blocker struct {
	// Reason is one word, such as PermanentBudget, NoController or NoPlace.
	Reason string `json:"reason"`
	// Pod is NAMESPACE/NAME, where it is about one.
	Pod string `json:"pod,omitempty"`
	// Object is what says no, such as "PodDisruptionBudget db/pg".
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
	// Fix is what would let it leave.
	Fix string `json:"fix,omitempty"`
}

// PassedNode is a node that is not considered.
type PassedNode struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	// Fix is what would let it be considered, where somebody can do something.
	Fix string `json:"fix,omitempty"`
}

// BudgetNeed is what a plan needs of a PodDisruptionBudget.
type BudgetNeed struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       types.UID `json:"uid"`
	// Generation is that of the spec that the plan relies on.
	Generation int64 `json:"generation"`
	// Allowed now, and Need over the whole plan.
	Allowed int `json:"allowed"`
	Need    int `json:"need"`
	// Rounds is how often it must be refilled, at least.
	Rounds int `json:"rounds"`
}
