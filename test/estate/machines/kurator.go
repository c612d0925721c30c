package machines

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/capi"
)

// Kurator is a stand-in for Kurator with one Cluster: it applies the count of its
// first entry of workers to a MachineDeployment anew all the time, as Kurator does.
type Kurator struct {
	*Management

	// Pool is the MachineDeployment.
	Pool     string
	name     string
	clusters dynamic.ResourceInterface
}

// Kurator makes one, in c1, that goes with the test.
func (m *Management) Kurator(t testing.TB, name string, replicas int64) *Kurator {
	t.Helper()
	k := &Kurator{Management: m, Pool: name + "-md-0", name: name}
	k.clusters = estate.Define(t, m.Fleet.RESTConfig(t, "c1"), estate.Type{Kind: "Cluster", Group: "cluster.kurator.dev", Version: "v1", Namespaced: true}).Namespace(capi.Namespace)
	estate.Put(t, k.clusters, map[string]any{
		"apiVersion": "cluster.kurator.dev/v1", "kind": "Cluster", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"workers": []any{map[string]any{"replicas": replicas, "instanceType": "large"}}},
	})
	// Its own: they go with it.
	for group, kind := range map[string]string{"infrastructure": "KWOKCluster", "controlplane": "KWOKControlPlane"} {
		gvr := schema.GroupVersionResource{Group: group + ".cluster.x-k8s.io", Version: "v1", Resource: strings.ToLower(kind) + "s"}
		estate.Put(t, m.Objects.Resource(gvr).Namespace(capi.Namespace), map[string]any{
			"apiVersion": gvr.GroupVersion().String(), "kind": kind, "metadata": map[string]any{"name": name}, "spec": map[string]any{"version": "v1.36.3"},
		})
	}
	m.Cluster(t, name, map[string]string{"cluster.kurator.dev/cluster-name": name, "cluster.kurator.dev/cluster-namespace": capi.Namespace}, map[string]any{
		"controlPlaneEndpoint": map[string]any{"host": "127.0.0.1", "port": int64(6443)},
		"infrastructureRef":    map[string]any{"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "KWOKCluster", "name": name},
		"controlPlaneRef":      map[string]any{"apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KWOKControlPlane", "name": name},
	})
	m.Pool(t, k.Pool, name, replicas)
	estate.StandIn(t, func(ctx context.Context) error {
		count, err := k.asked(ctx)
		if err != nil {
			return err
		}
		_, err = m.Of("machinedeployments").Patch(ctx, k.Pool, types.MergePatchType, fmt.Appendf(nil, `{"spec": {"replicas": %d}}`, count), metav1.PatchOptions{})
		return err
	})
	return k
}

func (k *Kurator) asked(ctx context.Context) (int64, error) {
	o, err := k.clusters.Get(ctx, k.name, metav1.GetOptions{})
	if err != nil {
		return 0, err
	}
	workers, _, _ := unstructured.NestedSlice(o.Object, "spec", "workers")
	n, _, err := unstructured.NestedInt64(workers[0].(map[string]any), "replicas")
	return n, err
}

// Asked is the count in Kurator's Cluster.
func (k *Kurator) Asked(t testing.TB) int64 {
	t.Helper()
	n, err := k.asked(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Fill gives it a count, and waits until there are so many nodes.
func (k *Kurator) Fill(t testing.TB, replicas int64) {
	t.Helper()
	patch := fmt.Appendf(nil, `[{"op": "replace", "path": "/spec/workers/0/replicas", "value": %d}]`, replicas)
	if _, err := k.clusters.Patch(t.Context(), k.name, types.JSONPatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	estate.Eventually(t, fmt.Sprintf("%s has %d nodes, and is quiet", k.Pool, replicas), func() error { return k.Quiet(t, k.Pool, k.name, replicas) })
}
