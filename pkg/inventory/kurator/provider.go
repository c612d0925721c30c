// Package kurator lists the members of Kurator's Fleets. Each is reached by the
// kubeconfig that Kurator itself uses.
package kurator

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/hubconfig"
)

// ProviderName is this inventory's name in flags.
const ProviderName = "kurator"

const (
	// FleetLabel has the Fleet of a cluster, as Kurator sets it; the first one of
	// several.
	FleetLabel = "fleet.kurator.dev/fleet-name"
	// memberLabel, with the Fleet's name, is there for each Fleet of a cluster.
	memberLabel = "kubectl-fleet.io/fleet-"
)

const (
	fleets = "fleets.fleet.kurator.dev"

	kindAttached = "AttachedCluster"
	kindCluster  = "Cluster"
)

// Provider lists the members of all Fleets of one hub.
type Provider struct {
	// Secrets has the hub, and says how its kubeconfigs are read.
	Secrets hubconfig.Options
}

var _ inventory.Provider = Provider{}

// Name implements inventory.Provider.
func (p Provider) Name() string { return p.Secrets.Inventory }

// reference is how a Fleet names a member; the namespace is the Fleet's own.
type reference struct{ kind, namespace, name string }

// List implements inventory.Provider, by one list for each kind that a Fleet
// names. A member whose object cannot be read, or is not there, is listed all
// the same, so that it is a failed row and not a silent absence.
func (p Provider) List(ctx context.Context) ([]inventory.Cluster, error) {
	groups, err := inventory.Entries(ctx, p.Secrets.Hub, fleets, "Kurator host")
	if err != nil {
		return nil, err
	}
	members, order := membersOf(groups)
	read := map[string]kindObjects{}
	for _, m := range order {
		if _, is := read[m.kind]; !is {
			read[m.kind] = p.objects(ctx, m.kind)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	paths := make([][]string, len(order))
	for i, m := range order {
		paths[i] = []string{m.kind, m.namespace, m.name}
	}
	names := inventory.ObjectNames(paths)
	listed := make([]inventory.Cluster, len(order))
	for i, m := range order {
		listed[i] = p.cluster(names[i], m, members[m], read[m.kind])
	}
	return listed, nil
}

// membersOf finds the members of each Fleet, each once, with its Fleets.
func membersOf(groups []unstructured.Unstructured) (members map[reference][]*unstructured.Unstructured, order []reference) {
	members = map[reference][]*unstructured.Unstructured{}
	for i := range groups {
		fleet := &groups[i]
		named, _, _ := unstructured.NestedSlice(fleet.Object, "spec", "clusters")
		for _, n := range named {
			fields, _ := n.(map[string]any)
			kind, _ := fields["kind"].(string)
			name, _ := fields["name"].(string)
			m := reference{kind: cmp.Or(kind, kindCluster), namespace: fleet.GetNamespace(), name: name}
			if members[m] == nil {
				order = append(order, m)
			}
			if !slices.Contains(members[m], fleet) {
				members[m] = append(members[m], fleet)
			}
		}
	}
	return members, order
}

// kindObjects are the objects of one kind, or why there are none.
type kindObjects struct {
	byPath map[string]*unstructured.Unstructured
	err    error
}

func (p Provider) objects(ctx context.Context, kind string) kindObjects {
	var resource string
	switch kind {
	case kindAttached:
		resource = "attachedclusters.cluster.kurator.dev"
	case kindCluster:
		resource = "clusters.cluster.kurator.dev"
	default:
		return kindObjects{err: fmt.Errorf("no member can be of the kind %q", kind)}
	}
	items, err := p.Secrets.Hub.Objects(ctx, resource)
	byPath := make(map[string]*unstructured.Unstructured, len(items))
	for i := range items {
		byPath[items[i].GetNamespace()+"/"+items[i].GetName()] = &items[i]
	}
	return kindObjects{byPath: byPath, err: err}
}

func (p Provider) cluster(name string, m reference, in []*unstructured.Unstructured, read kindObjects) inventory.Cluster {
	c := inventory.Cluster{Name: name, Provider: p.Name(), Labels: labels.Set{inventory.NamespaceLabel: m.namespace}}
	listing := inventory.Listing{Inventory: p.Name(), Object: fmt.Sprintf("%s %s/%s", m.kind, m.namespace, m.name)}
	object := read.byPath[m.namespace+"/"+m.name]
	switch {
	case read.err != nil:
		c.Access = inventory.NoAccess{Err: fmt.Errorf("%s of %s: %w", listing.Object, p.Name(), read.err)}
	case object == nil:
		c.Access = inventory.NoAccess{Err: fmt.Errorf("%s is a member of Fleet %s of %s, and does not exist", listing.Object, in[0].GetName(), p.Name())}
	default:
		c.Labels = inventory.ObjectLabels(object)
		c.Access = hubconfig.New(p.Secrets, secretOf(m, object))
		listing.Claim = claimOf(m, object)
	}
	// Of the Fleet's own status: which members it counts, it does not say.
	c.Labels[FleetLabel] = in[0].GetName()
	for i, fleet := range in {
		c.Labels[memberLabel+fleet.GetName()] = ""
		if i > 0 {
			listing.Message += "; "
		}
		listing.Message += claimOfFleet(fleet)
	}
	c.Listings = []inventory.Listing{listing}
	return c
}

// secretOf is where Kurator takes a member's kubeconfig from. Of a Cluster it is
// never spec.credential, which is a cloud's.
func secretOf(m reference, o *unstructured.Unstructured) hubconfig.Secret {
	text := func(fields ...string) string {
		value, _, _ := unstructured.NestedString(o.Object, fields...)
		return value
	}
	s := hubconfig.Secret{Namespace: m.namespace, Key: "value"}
	if m.kind == kindAttached {
		s.Name = text("spec", "kubeconfig", "name")
		s.Key = cmp.Or(text("spec", "kubeconfig", "key"), s.Key)
		return s
	}
	// Status has it only some time after the cluster is ready; until then it is
	// Cluster API's.
	s.Name = cmp.Or(text("status", "kubeconfigSecretRef"), m.name+"-kubeconfig")
	return s
}

func claimOf(m reference, o *unstructured.Unstructured) string {
	if m.kind == kindCluster {
		phase, _, _ := unstructured.NestedString(o.Object, "status", "phase")
		return phase
	}
	ready, known, _ := unstructured.NestedBool(o.Object, "status", "ready")
	switch {
	case !known:
		return ""
	case ready:
		return inventory.ClaimReady
	}
	return inventory.ClaimNotReady
}

// claimOfFleet says what Kurator says of the whole Fleet.
func claimOfFleet(fleet *unstructured.Unstructured) string {
	count := func(field string) int64 {
		n, _, _ := unstructured.NestedInt64(fleet.Object, "status", field)
		return n
	}
	phase, _, _ := unstructured.NestedString(fleet.Object, "status", "phase")
	return fmt.Sprintf("Fleet %s is %s with %d ready and %d unready members",
		fleet.GetName(), cmp.Or(phase, "without a phase"), count("readyClusters"), count("unReadyClusters"))
}
