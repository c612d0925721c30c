package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterKind is the kind of one entry of the roster.
const ClusterKind = "Cluster"

// Cluster is one entry of the roster, as `kubectl fleet get clusters -o json`
// prints it: what the inventory says of a cluster, and what a probe found.
type Cluster struct {
	metav1.TypeMeta `json:",inline"`
	// ObjectMeta has the member name, the member's labels, and the cluster's
	// own age (the creation time of the namespace kube-system) when known.
	metav1.ObjectMeta `json:"metadata"`

	Spec   ClusterSpec   `json:"spec"`
	Status ClusterStatus `json:"status"`
}

// ClusterSpec is where a cluster comes from and how it is reached.
type ClusterSpec struct {
	// Inventory is the inventory that listed the cluster first, and says how it
	// is reached: kubeconfig, or a provider and its hub, such as karmada=CONTEXT.
	Inventory string `json:"inventory"`
	// Listings are the cluster's entries on hubs and in other inventories, with
	// what those say of it. What is so is in the status.
	Listings []Listing `json:"listings,omitempty"`
	// Aliases are the names that other inventories have for the cluster.
	Aliases []string `json:"aliases,omitempty"`
	// Context is the kubeconfig context that it is reached through, if any.
	Context string `json:"context,omitempty"`
	// Server is the API server's address.
	Server string `json:"server,omitempty"`
}

// Listing is a cluster's entry in an inventory.
type Listing struct {
	// Inventory is kubeconfig, or a provider and its hub, such as karmada=CONTEXT.
	Inventory string `json:"inventory"`
	// Object is the entry's kind, namespace if any, and name.
	Object string `json:"object"`
	// Claim is what the hub says of the cluster in one word, such as Ready,
	// NotReady or Provisioning.
	Claim string `json:"claim,omitempty"`
	// Message is what the hub adds.
	Message string `json:"message,omitempty"`
}

// ClusterStatus is what a probe of the cluster found. A nil or empty field was
// not learned; Unknown says why.
type ClusterStatus struct {
	// Phase is Ready, NotReady (the API server answers, and says that it is not
	// ready), Unknown (its readiness may not be asked), or the reason of the
	// failure, such as Unreachable.
	Phase string `json:"phase,omitempty"`
	// UID is the UID of the namespace kube-system.
	UID string `json:"uid,omitempty"`
	// Version is the API server's gitVersion.
	Version string `json:"version,omitempty"`
	// Nodes counts the cluster's nodes.
	Nodes *NodeCount `json:"nodes,omitempty"`
	// Pods is the number of pods in all namespaces and phases.
	Pods *int64 `json:"pods,omitempty"`
	// LatencyMilliseconds is the time of one small request on an open
	// connection.
	LatencyMilliseconds *int64 `json:"latencyMilliseconds,omitempty"`
	// FailingChecks are the checks of /readyz that do not pass.
	FailingChecks []string `json:"failingChecks,omitempty"`
	// ServingCertificateExpires is the end of validity of the certificate that
	// the API server showed.
	ServingCertificateExpires *metav1.Time `json:"servingCertificateExpires,omitempty"`
	// ClientCertificateExpires is the end of validity of the certificate that
	// we show, where we log in with one.
	ClientCertificateExpires *metav1.Time `json:"clientCertificateExpires,omitempty"`
	// Usage is what pods request of what nodes can give. Only with --usage.
	Usage *Usage `json:"usage,omitempty"`
	// Created is when the namespace kube-system was made: the cluster's birth.
	// It is shown as metadata.creationTimestamp.
	Created *metav1.Time `json:"-"`
	// Unknown maps each field above that could not be learned to the reason,
	// such as Forbidden. Its keys are the Field constants.
	Unknown map[string]string `json:"unknown,omitempty"`
}

// The fields of ClusterStatus that may be in Unknown.
const (
	FieldPhase             = "phase"
	FieldUID               = "uid"
	FieldVersion           = "version"
	FieldNodes             = "nodes"
	FieldPods              = "pods"
	FieldLatency           = "latencyMilliseconds"
	FieldClientCertificate = "clientCertificateExpires"
	FieldUsage             = "usage"
)

// NodeCount counts the nodes of a cluster.
type NodeCount struct {
	// Ready counts the nodes whose condition Ready is True.
	Ready int `json:"ready"`
	// Total counts all nodes.
	Total int `json:"total"`
}

// Usage is requested and allocatable capacity, summed over a cluster. Pods that
// have ended (Succeeded or Failed) request nothing.
type Usage struct {
	CPU    Share `json:"cpu"`
	Memory Share `json:"memory"`
}

// Share is how much of a resource is requested, as Kubernetes quantities
// (cores, bytes).
type Share struct {
	Requested   string `json:"requested"`
	Allocatable string `json:"allocatable"`
}
