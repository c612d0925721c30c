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

// NoAccess is an Accessor that has nothing but the reason why.
type NoAccess struct{ Err error }

// RESTConfig implements Accessor.
func (n NoAccess) RESTConfig(context.Context) (*rest.Config, error) { return nil, n.Err }

// Cluster is one member of a fleet, as an inventory knows it without asking it.
type Cluster struct {
	// Name is the member name: a DNS-1123 label of at most MaxNameLength
	// characters, unique within one listing.
	Name string
	// Aliases are further names that mean this cluster: those of other
	// inventories that list it.
	Aliases []string
	// Provider is the inventory that listed the cluster, as the flag names it:
	// "kubeconfig", "karmada=CONTEXT".
	Provider string
	// Listings are what each hub that lists the cluster says of it, and each other
	// inventory beside Provider.
	Listings []Listing
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

// Listing is a cluster's entry in an inventory.
type Listing struct {
	// Inventory is the inventory, as the flag names it.
	Inventory string
	// Object is the entry's kind and name, with its namespace if it has one.
	Object string
	// Claim is what the hub says of the cluster in one word, such as Ready or
	// NotReady. Nobody has probed it. Empty: it says nothing.
	Claim string
	// Message is what the hub adds.
	Message string
}

// Claims of a hub where it has no word of its own.
const (
	ClaimReady    = "Ready"
	ClaimNotReady = "NotReady"
)

// Identifier is an Accessor that can find out a cluster's Identity by asking
// its hub. Without it, or with an error, the Cluster's own is all there is.
type Identifier interface {
	// Identify returns the address and the Identity. Asking again, or
	// RESTConfig after it, costs the hub nothing.
	Identify(ctx context.Context) (server, identity string, err error)
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
