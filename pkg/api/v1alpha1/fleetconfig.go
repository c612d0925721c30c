package v1alpha1

// FleetConfigKind is the kind of the fleet file.
const FleetConfigKind = "FleetConfig"

// FleetConfig is the fleet file: named fleets and who is in them. It holds no
// credentials; each member is reached through a context of the kubeconfig.
type FleetConfig struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// CurrentFleet is the fleet that commands use when neither --fleet nor
	// KUBECTL_FLEET names one. Empty: every context.
	CurrentFleet string  `json:"currentFleet,omitempty"`
	Fleets       []Fleet `json:"fleets"`
}

// Fleet is a named set of clusters.
type Fleet struct {
	Name    string   `json:"name"`
	Members []Member `json:"members"`
}

// Member is one cluster of a fleet.
type Member struct {
	// Name is how the cluster is called in rows, flags and reports: a DNS-1123
	// label of at most 40 characters, unique in its fleet. Empty: derived from
	// the context.
	Name string `json:"name,omitempty"`
	// Context is the kubeconfig context that the member is reached through.
	Context string `json:"context"`
	// Labels are what --cluster-selector matches.
	Labels map[string]string `json:"labels,omitempty"`
	// Server is the API server's address as it was when the member joined.
	Server string `json:"server,omitempty"`
	// ClusterUID is the UID of the namespace kube-system, a cluster's identity,
	// as it was when the member joined.
	ClusterUID string `json:"clusterUID,omitempty"`
}
