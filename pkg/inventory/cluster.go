package inventory

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
)

// Accessor knows how a cluster is reached.
type Accessor interface {
	// RESTConfig returns a configuration of the caller's own. An error means
	// that the cluster cannot be addressed at all (its context is gone, its
	// certificate file cannot be read), never that it does not answer.
	RESTConfig(ctx context.Context) (*rest.Config, error)
}

// Cluster is one member of a fleet, as an inventory knows it without asking it.
type Cluster struct {
	// Name is the member name: a DNS-1123 label of at most MaxNameLength
	// characters, unique within one listing.
	Name string
	// Provider is the inventory that listed the cluster, such as "kubeconfig".
	Provider string
	// Context is the kubeconfig context it is reached through, if it is.
	Context string
	// Server is the API server's address, if the inventory has it.
	Server string
	// Namespace is where namespaced requests go when the user names no
	// namespace: the context's own. Empty: "default".
	Namespace string
	// Labels are what --cluster-selector matches.
	Labels labels.Set
	// UID is the UID of the namespace kube-system as the inventory recorded it:
	// who is expected behind Server. Empty: not recorded.
	UID string
	// Identity is equal for two entries that are the same cluster for certain,
	// and empty where the inventory cannot tell.
	Identity string
	// Ambiguous is equal for two entries that may be the same cluster, but may
	// also be two behind one address; see docs/adr/0001-same-address.md. Empty: no doubt.
	Ambiguous string
	// Access reaches the cluster.
	Access Accessor
}

// Provider lists the clusters of one inventory.
type Provider interface {
	// Name is the provider's name in flags and in the roster.
	Name() string
	// List returns the clusters in order of preference: where two entries are
	// the same cluster, the first is the one to use.
	List(ctx context.Context) ([]Cluster, error)
}

// Names joins the names of clusters for a message, in their order.
func Names(cs []Cluster) string {
	names := make([]string, len(cs))
	for i, c := range cs {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}
