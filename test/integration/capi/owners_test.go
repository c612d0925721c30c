package capi_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/estate/machines"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/capi"
)

// claimed waits until a remover claims all nodes of a Cluster.
func (e *estate) claimed(t *testing.T, r remove.Remover, cluster string, n int) remove.Claims {
	t.Helper()
	var c remove.Claims
	estates.Eventually(t, fmt.Sprintf("%d nodes of %s are claimed", n, cluster), func() error {
		c = claim(t, r, e.OfCluster(t, "c1", cluster))
		if len(c.Owners) != n || len(c.Blocked) != 0 {
			return fmt.Errorf("claims: %+v", c)
		}
		return nil
	})
	return c
}

func (e *estate) topologyCount(t *testing.T, cluster string) any {
	t.Helper()
	o, err := e.Of("clusters").Get(t.Context(), cluster, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, _, _ := unstructured.NestedSlice(o.Object, "spec", "topology", "workers", "machineDeployments")
	return list[0].(map[string]any)["replicas"]
}

// The count of a MachineDeployment that a topology has made is the topology's to say.
func (e *estate) testTopology(t *testing.T, r *remove.ClusterAPI, cluster string) {
	t.Helper()
	t.Parallel()
	e.Cluster(t, cluster, nil, map[string]any{
		"controlPlaneEndpoint": map[string]any{"host": "127.0.0.1", "port": int64(6443)},
		"topology": map[string]any{
			"classRef": map[string]any{"name": capi.Template}, "version": "v1.36.3",
			"workers": map[string]any{"machineDeployments": []any{map[string]any{"class": capi.Template, "name": "workers", "replicas": int64(3)}}},
		},
	})
	e.claimed(t, r, cluster, 3)
	nodes := e.OfCluster(t, "c1", cluster)
	step := begin(t, r, nodes[2])
	if err := r.Remove(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	if err := r.Remove(t.Context(), again(t, step)); err != nil {
		t.Fatal(err)
	}
	e.confirm(t, r, step)
	e.claimed(t, r, cluster, 2)
	if left := uids(e.OfCluster(t, "c1", cluster)); !maps.Equal(left, uids(nodes[:2])) || e.topologyCount(t, cluster) != int64(2) {
		t.Errorf("left are %v, with a count of %v; want %v", left, e.topologyCount(t, cluster), uids(nodes[:2]))
	}

	pools, err := r.Pools(t.Context(), e.OfCluster(t, "c1", cluster))
	if err != nil || len(pools) != 1 || pools[0].Name != "workers" || *pools[0].Owner.Count != 2 || pools[0].Busy != nil {
		t.Fatalf("pools: %+v, %v", pools, err)
	}
	for range 2 { // the second time it is done
		if err := r.Set(t.Context(), "run", pools[0], 4); err != nil {
			t.Fatal(err)
		}
	}
	var refused *remove.ChangedError
	if err := r.Set(t.Context(), "run", pools[0], 5); !errors.As(err, &refused) || e.topologyCount(t, cluster) != int64(4) {
		t.Errorf("set from a count that was: %v, and the count is %v", err, e.topologyCount(t, cluster))
	}
	e.claimed(t, r, cluster, 4)
}

// Kurator applies its MachineDeployments anew all the time: their counts are its
// Cluster's to say.
func (e *estate) testKurator(t *testing.T) {
	t.Parallel()
	k := e.Kurator(t, "kur", 2)
	nodes := e.Workers(t, "c1", k.Pool)
	if c := claim(t, e.remover("c1"), nodes); len(c.Owners)+len(c.Blocked) != 0 {
		t.Errorf("claimed for Cluster API: %+v", c)
	}
	r := e.remover("c1")
	r.Kurator = true
	if c := claim(t, r, nodes); len(c.Owners) != 2 || len(c.Blocked) != 0 {
		t.Errorf("claimed for Kurator: %+v", c)
	}
	step := begin(t, r, nodes[1])

	// Somebody else is faster: nothing is written over it.
	step.From, step.To = 3, 2
	var refused *remove.ChangedError
	if err := r.Remove(t.Context(), again(t, step)); !errors.As(err, &refused) || k.Asked(t) != 2 {
		t.Errorf("remove: %v, and the count is %v", err, k.Asked(t))
	}
	step.From, step.To = 2, 1
	if err := r.Remove(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	if err := r.Remove(t.Context(), again(t, step)); err != nil {
		t.Fatal(err)
	}
	e.confirm(t, r, step)
	if left := uids(e.Workers(t, "c1", k.Pool)); !maps.Equal(left, uids(nodes[:1])) || k.Asked(t) != 1 {
		t.Errorf("left are %v, with a count of %v", left, k.Asked(t))
	}
	pools, err := r.Pools(t.Context(), e.Workers(t, "c1", k.Pool))
	if err != nil || len(pools) != 1 || *pools[0].Owner.Count != 1 {
		t.Fatalf("pools: %+v, %v", pools, err)
	}
	if err := r.Set(t.Context(), "run", pools[0], 2); err != nil || k.Asked(t) != 2 {
		t.Errorf("set: %v, and the count is %v", err, k.Asked(t))
	}
	estates.Eventually(t, "it has 2 nodes", func() error { return e.Quiet(t, k.Pool, "c1", 2) })
}

// A CustomCluster of Kurator is refused, and not taken for nobody's.
func (e *estate) testCustomCluster(t *testing.T) {
	t.Parallel()
	custom := estates.Define(t, e.Fleet.RESTConfig(t, "c1"), estates.Type{Kind: "CustomMachine", Group: "infrastructure.cluster.x-k8s.io", Version: "v1", Namespaced: true})
	estates.Put(t, custom.Namespace(capi.Namespace), map[string]any{
		"apiVersion": "infrastructure.cluster.x-k8s.io/v1", "kind": "CustomMachine", "metadata": map[string]any{"name": "custom"},
		"spec": map[string]any{"node": []any{map[string]any{"hostName": "c2-node-1"}}},
	})
	var nodes []*corev1.Node
	for _, name := range []string{"c2-node-1", "c2-node-2"} {
		n, err := e.Nodes["c2"].CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
	}
	r := e.remover("c2")
	r.Kurator, r.Management = true, e.member(t, "c1") // one that does not remember what was there before
	wantBlocked(t, r, nodes[:1], "CustomCluster")
	if c := claim(t, r, nodes[1:]); len(c.Owners)+len(c.Blocked) != 0 {
		t.Errorf("claims: %+v", c)
	}
}

// karpenters makes a node of Karpenter's in c2.
func (e *estate) karpenters(t *testing.T, k *machines.Karpenter, name, pool string) *corev1.Node {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	nodes := e.Nodes["c2"].CoreV1().Nodes()
	if _, err := nodes.Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nodes.Delete(ctx, name, metav1.DeleteOptions{}) })
	k.Claim(t, name, pool)
	n, err := nodes.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Of a pool that has what its pods need a NodeClaim goes, and no other comes, or it is
// said; a pool with a count of its own is refused.
func (e *estate) testKarpenter(t *testing.T) {
	t.Parallel()
	k := machines.NewKarpenter(t, e.Fleet.RESTConfig(t, "c2"))
	k.Pool(t, "dynamic", map[string]any{})
	k.Pool(t, "static", map[string]any{"replicas": int64(1)})
	var nodes []*corev1.Node
	for _, name := range []string{"dynamic-1", "dynamic-2", "dynamic-3", "static-1"} {
		pool, _, _ := strings.Cut(name, "-")
		nodes = append(nodes, e.karpenters(t, k, name, pool))
	}
	r := &remove.Karpenter{Member: e.members["c2"]}
	c := claim(t, r, nodes)
	if o := c.Owners["dynamic-1"]; len(c.Owners) != 3 || o.Kind != "NodePool" || o.Name != "dynamic" || o.Count != nil {
		t.Errorf("owners: %+v", c.Owners)
	}
	wantBlocked(t, r, nodes[3:], "StaticPool")

	step := begin(t, r, nodes[1])
	for range 2 { // the second time it is done
		if err := r.Remove(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
	e.confirm(t, r, step)
	if list, err := k.Claims.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 3 {
		t.Errorf("%d NodeClaims are left, %v", len(list.Items), err)
	}

	// A pod had no place, and Karpenter makes a node for it.
	step = begin(t, r, nodes[0])
	if err := r.Remove(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	e.karpenters(t, k, "dynamic-4", "dynamic")
	estates.Eventually(t, "another node is noticed", func() error {
		p, err := r.Confirm(t.Context(), step)
		if _, wrong := errors.AsType[*remove.WrongError](err); wrong {
			return nil
		}
		return fmt.Errorf("%+v, %w", p, err)
	})
}
