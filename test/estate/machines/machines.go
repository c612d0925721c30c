// Package machines gives tests nodes that are machines: of Cluster API, whose real
// controllers keep them, and of stand-ins for Kurator and Karpenter.
package machines

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/capi"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// Management is a bed with Cluster API in its first cluster.
type Management struct {
	Fleet *testfleet.Fleet
	// Nodes are the clients of the bed's clusters.
	Nodes   map[string]kubernetes.Interface
	Objects dynamic.Interface
}

// in is the client of the cluster that has a Cluster's nodes. Those of Clusters that
// tests make are in the first.
func (m *Management) in(cluster string) kubernetes.Interface {
	if client, its := m.Nodes[cluster]; its {
		return client
	}
	return m.Nodes["c1"]
}

// New makes the clients.
func New(t testing.TB, fleet *testfleet.Fleet) *Management {
	t.Helper()
	m := &Management{Fleet: fleet, Nodes: map[string]kubernetes.Interface{}}
	var err error
	for _, name := range fleet.Clusters() {
		if m.Nodes[name], err = kubernetes.NewForConfig(fleet.RESTConfig(t, name)); err != nil {
			t.Fatal(err)
		}
	}
	if m.Objects, err = dynamic.NewForConfig(fleet.RESTConfig(t, "c1")); err != nil {
		t.Fatal(err)
	}
	return m
}

// Of has the objects of a type of Cluster API.
func (m *Management) Of(resource string) dynamic.ResourceInterface {
	return m.Objects.Resource(schema.GroupVersionResource{Group: "cluster.x-k8s.io", Version: "v1beta2", Resource: resource}).Namespace(capi.Namespace)
}

// Create makes an object of Cluster API that goes with the test.
func (m *Management) Create(t testing.TB, resource string, object map[string]any) {
	t.Helper()
	object["apiVersion"] = "cluster.x-k8s.io/v1beta2"
	estate.Put(t, m.Of(resource), object)
}

// Cluster makes another Cluster, whose nodes are in c1, too. It goes with the test.
func (m *Management) Cluster(t testing.TB, name string, labels map[string]string, spec map[string]any) {
	t.Helper()
	secrets := m.Nodes["c1"].CoreV1().Secrets(capi.Namespace)
	secret, err := secrets.Get(t.Context(), "c1-kubeconfig", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// It stays, since machines need it until they are gone.
	secret.ObjectMeta = metav1.ObjectMeta{Name: name + "-kubeconfig", Labels: map[string]string{"cluster.x-k8s.io/cluster-name": name}}
	if _, err := secrets.Create(t.Context(), secret, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	meta := map[string]any{"name": name}
	if err := unstructured.SetNestedStringMap(meta, labels, "labels"); err != nil {
		t.Fatal(err)
	}
	m.Create(t, "clusters", map[string]any{"kind": "Cluster", "metadata": meta, "spec": spec})
}

// Patch changes an object of Cluster API.
func (m *Management) Patch(t testing.TB, resource, name, patch string) {
	t.Helper()
	if _, err := m.Of(resource).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// The kinds that keep a count of machines.
const (
	Deployment = "MachineDeployment"
	Set        = "MachineSet"
	// Group may have no Machines: which of its nodes goes is for its provider to say then.
	Group = "MachinePool"
)

// Pool makes a MachineDeployment and waits for its nodes. It goes with the test.
func (m *Management) Pool(t testing.TB, name, cluster string, replicas int64) {
	t.Helper()
	m.PoolOf(t, Deployment, name, cluster, replicas)
}

// PoolOf makes a MachineDeployment or a MachineSet and waits for its nodes. It goes
// with the test.
func (m *Management) PoolOf(t testing.TB, kind, name, cluster string, replicas int64) {
	t.Helper()
	reference := func(group, kind string) map[string]any {
		return map[string]any{"apiGroup": group + ".cluster.x-k8s.io", "kind": kind, "name": capi.Template}
	}
	labels := map[string]any{"pool": name}
	m.Create(t, plural(kind), map[string]any{
		"kind": kind, "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"clusterName": cluster, "replicas": replicas, "selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{
				"clusterName": cluster, "version": "v1.36.3",
				"bootstrap":         map[string]any{"configRef": reference("bootstrap", "KWOKConfigTemplate")},
				"infrastructureRef": reference("infrastructure", "KWOKMachineTemplate"),
			}},
		},
	})
	estate.Eventually(t, fmt.Sprintf("%s has %d nodes, and is quiet", name, replicas), func() error { return m.quiet(t, kind, name, cluster, replicas) })
}

func plural(kind string) string { return strings.ToLower(kind) + "s" }

// Group makes a MachinePool without Machines and waits for its nodes. It goes with the
// test, and what it was made from with it.
func (m *Management) Group(t testing.TB, name, cluster string, replicas int64) {
	t.Helper()
	m.group(t, name, cluster, replicas, map[string]any{})
	estate.Eventually(t, fmt.Sprintf("%s has %d nodes", name, replicas), func() error {
		if nodes := m.GroupNodes(t, cluster, name); int64(len(nodes)) != replicas {
			return fmt.Errorf("it has %d", len(nodes))
		}
		return nil
	})
}

// GroupOfMachines makes a MachinePool whose provider has Machines made of what it keeps,
// and waits for their nodes. It goes with the test.
func (m *Management) GroupOfMachines(t testing.TB, name, cluster string, replicas int64) {
	t.Helper()
	m.group(t, name, cluster, replicas, map[string]any{"withMachines": true})
	estate.Eventually(t, fmt.Sprintf("%s has %d nodes, and is quiet", name, replicas), func() error { return m.quiet(t, Group, name, cluster, replicas) })
}

func (m *Management) group(t testing.TB, name, cluster string, replicas int64, spec map[string]any) {
	t.Helper()
	const infrastructure, kind = "infrastructure.cluster.x-k8s.io", "KWOKMachinePool"
	groups := m.Objects.Resource(schema.GroupVersionResource{Group: infrastructure, Version: "v1", Resource: plural(kind)}).Namespace(capi.Namespace)
	estate.Put(t, groups, map[string]any{"apiVersion": infrastructure + "/v1", "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec})
	template := map[string]any{"metadata": map[string]any{"labels": map[string]any{"pool": name}}, "spec": map[string]any{
		"clusterName": cluster, "version": "v1.36.3", "bootstrap": map[string]any{"dataSecretName": "none"},
		"infrastructureRef": map[string]any{"apiGroup": infrastructure, "kind": kind, "name": name},
	}}
	m.Create(t, plural(Group), map[string]any{
		"kind": Group, "metadata": map[string]any{"name": name},
		"spec": map[string]any{"clusterName": cluster, "replicas": replicas, "template": template},
	})
}

// GroupNodes are the nodes that say they are of a MachinePool.
func (m *Management) GroupNodes(t testing.TB, cluster, pool string) []*corev1.Node {
	t.Helper()
	return m.nodes(t, cluster, func(n *corev1.Node) bool {
		return n.Annotations["cluster.x-k8s.io/owner-kind"] == Group && n.Annotations["cluster.x-k8s.io/owner-name"] == pool
	})
}

// Quiet is nil if all machines of a MachineDeployment are nodes, and their
// controllers know.
func (m *Management) Quiet(t testing.TB, pool, cluster string, replicas int64) error {
	t.Helper()
	return m.quiet(t, Deployment, pool, cluster, replicas)
}

func (m *Management) quiet(t testing.TB, kind, pool, cluster string, replicas int64) error {
	t.Helper()
	machines := m.Machines(t, pool)
	nodes := m.Workers(t, cluster, pool)
	if int64(len(machines)) != replicas || len(nodes) != len(machines) {
		return fmt.Errorf("%d machines, %d nodes", len(machines), len(nodes))
	}
	for _, machine := range machines {
		if phase, _, _ := unstructured.NestedString(machine.Object, "status", "phase"); phase != "Running" {
			return fmt.Errorf("machine %s is %s", machine.GetName(), phase)
		}
	}
	o, err := m.Of(plural(kind)).Get(t.Context(), pool, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	status, _, _ := unstructured.NestedMap(o.Object, "status")
	if status["observedGeneration"] != o.GetGeneration() {
		return fmt.Errorf("its controller has not looked at generation %d", o.GetGeneration())
	}
	wanted := []string{"replicas", "availableReplicas"}
	if kind == Deployment { // a MachineSet of nobody does not know what is up to date
		wanted = append(wanted, "upToDateReplicas")
	}
	for _, field := range wanted {
		if status[field] != replicas {
			return fmt.Errorf("status %v", status)
		}
	}
	return nil
}

// Machines are those of a pool.
func (m *Management) Machines(t testing.TB, pool string) []unstructured.Unstructured {
	t.Helper()
	list, err := m.Of("machines").List(t.Context(), metav1.ListOptions{LabelSelector: "pool=" + pool})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// Workers are the nodes of the Machines of a pool, by name.
func (m *Management) Workers(t testing.TB, cluster, pool string) []*corev1.Node {
	t.Helper()
	of := map[string]bool{}
	for _, machine := range m.Machines(t, pool) {
		of[machine.GetName()] = true
	}
	return m.nodes(t, cluster, func(n *corev1.Node) bool { return of[n.Annotations["cluster.x-k8s.io/machine"]] })
}

// OfCluster are the nodes of all Machines of a Cluster, by name.
func (m *Management) OfCluster(t testing.TB, cluster, name string) []*corev1.Node {
	t.Helper()
	return m.nodes(t, cluster, func(n *corev1.Node) bool {
		return n.Annotations["cluster.x-k8s.io/cluster-name"] == name && n.Annotations["cluster.x-k8s.io/machine"] != ""
	})
}

// nodes are those of a cluster that are meant, by name.
func (m *Management) nodes(t testing.TB, cluster string, meant func(*corev1.Node) bool) []*corev1.Node {
	t.Helper()
	list, err := m.in(cluster).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var nodes []*corev1.Node
	for i := range list.Items {
		if meant(&list.Items[i]) {
			nodes = append(nodes, &list.Items[i])
		}
	}
	slices.SortFunc(nodes, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}

// Count is what a MachineDeployment is asked for.
func (m *Management) Count(t testing.TB, pool string) int64 {
	t.Helper()
	return m.CountOf(t, Deployment, pool)
}

// CountOf is what a pool of any kind is asked for.
func (m *Management) CountOf(t testing.TB, kind, pool string) int64 {
	t.Helper()
	o, err := m.Of(plural(kind)).Get(t.Context(), pool, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, _, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	return n
}

// Annotated are the Machines of a pool that have an annotation.
func (m *Management) Annotated(t testing.TB, pool, annotation string) []string {
	t.Helper()
	var names []string
	for _, machine := range m.Machines(t, pool) {
		if _, is := machine.GetAnnotations()[annotation]; is {
			names = append(names, machine.GetName())
		}
	}
	return names
}

// Join lets pods of an estate run on the nodes of a pool, in one zone, until the test
// ends.
func (m *Management) Join(t testing.TB, e *estate.Estate, nodes []*corev1.Node) []string {
	t.Helper()
	client := m.in(e.Cluster).CoreV1().Nodes()
	ctx := context.WithoutCancel(t.Context())
	label := func(n *corev1.Node, value string) error {
		patch := fmt.Sprintf(`{"metadata":{"labels":{"kubectl-fleet.io/pool":%s,%q:"zone-a"}}}`, value, corev1.LabelTopologyZone)
		_, err := client.Patch(ctx, n.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}
	var names []string
	for _, n := range nodes {
		if err := label(n, `"`+e.Name+`"`); err != nil {
			t.Fatal(err)
		}
		names = append(names, n.Name)
	}
	t.Cleanup(func() {
		for _, n := range nodes {
			if err := label(n, "null"); err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		}
	})
	return names
}
