package capi_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/capi"
)

// cluster makes another Cluster, whose nodes are in c1, too.
func (e *estate) cluster(t *testing.T, name string, labels map[string]string, spec map[string]any) {
	t.Helper()
	secrets := e.nodes["c1"].CoreV1().Secrets(capi.Namespace)
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
	e.create(t, "clusters", map[string]any{"kind": "Cluster", "metadata": meta, "spec": spec})
}

// claimed waits until a remover claims all nodes of a pool.
func (e *estate) claimed(t *testing.T, r remove.Remover, pool string, n int) remove.Claims {
	t.Helper()
	var c remove.Claims
	e.inTime(t, fmt.Sprintf("%d nodes of %s are claimed", n, pool), func() error {
		c = claim(t, r, e.workers(t, "c1", pool))
		if len(c.Owners) != n || len(c.Blocked) != 0 {
			return fmt.Errorf("claims: %+v", c)
		}
		return nil
	})
	return c
}

func (e *estate) topologyCount(t *testing.T) any {
	t.Helper()
	o, err := e.of("clusters").Get(t.Context(), "topology", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, _, _ := unstructured.NestedSlice(o.Object, "spec", "topology", "workers", "machineDeployments")
	return list[0].(map[string]any)["replicas"]
}

// The count of a MachineDeployment that a topology has made is the topology's to say.
func (e *estate) testTopology(t *testing.T) {
	t.Parallel()
	e.cluster(t, "topology", nil, map[string]any{
		"controlPlaneEndpoint": map[string]any{"host": "127.0.0.1", "port": int64(6443)},
		"topology": map[string]any{
			"classRef": map[string]any{"name": capi.Template}, "version": "v1.36.3",
			"workers": map[string]any{"machineDeployments": []any{map[string]any{"class": capi.Template, "name": "workers", "replicas": int64(3)}}},
		},
	})
	r := e.remover("c1")
	e.claimed(t, r, "topology", 3)
	nodes := e.workers(t, "c1", "topology")
	step := begin(t, r, nodes[2])
	if err := r.Remove(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	if err := r.Remove(t.Context(), again(t, step)); err != nil {
		t.Fatal(err)
	}
	e.confirm(t, r, step)
	e.claimed(t, r, "topology", 2)
	if left := uids(e.workers(t, "c1", "topology")); !maps.Equal(left, uids(nodes[:2])) || e.topologyCount(t) != int64(2) {
		t.Errorf("left are %v, with a count of %v", left, e.topologyCount(t))
	}

	pools, err := r.Pools(t.Context(), e.workers(t, "c1", "topology"))
	if err != nil || len(pools) != 1 || pools[0].Name != "workers" || *pools[0].Owner.Count != 2 || pools[0].Busy != nil {
		t.Fatalf("pools: %+v, %v", pools, err)
	}
	for range 2 { // the second time it is done
		if err := r.Set(t.Context(), "run", pools[0], 4); err != nil {
			t.Fatal(err)
		}
	}
	var refused *remove.ChangedError
	if err := r.Set(t.Context(), "run", pools[0], 5); !errors.As(err, &refused) || e.topologyCount(t) != int64(4) {
		t.Errorf("set from a count that was: %v, and the count is %v", err, e.topologyCount(t))
	}
	e.claimed(t, r, "topology", 4)
}

// define makes a type whose objects may say anything, in the version v1.
func (e *estate) define(t *testing.T, cluster, kind, group, scope string) dynamic.NamespaceableResourceInterface {
	t.Helper()
	client := dynamic.NewForConfigOrDie(e.fleet.RESTConfig(t, cluster))
	plural := strings.ToLower(kind) + "s"
	open := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	crds := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	_, err := crds.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": plural + "." + group},
		"spec": map[string]any{
			"group": group, "scope": scope, "names": map[string]any{"kind": kind, "plural": plural},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "properties": map[string]any{"spec": open, "status": open}}},
			}},
		},
	}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	resource := client.Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: plural})
	e.inTime(t, plural+" are served", func() error {
		_, err := resource.List(t.Context(), metav1.ListOptions{})
		return err
	})
	return resource
}

// put makes an object that goes with the test.
func put(t *testing.T, resource dynamic.ResourceInterface, object map[string]any) {
	t.Helper()
	o := &unstructured.Unstructured{Object: object}
	if _, err := resource.Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		if err := resource.Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
}

// standIn does something all the time, as a controller does, until the test ends.
func standIn(t *testing.T, do func(ctx context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := do(ctx); err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				t.Errorf("stand-in: %v", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
}

// Kurator applies its MachineDeployments anew all the time: their counts are its
// Cluster's to say.
func (e *estate) testKurator(t *testing.T) {
	t.Parallel()
	kurators := e.define(t, "c1", "Cluster", "cluster.kurator.dev", "Namespaced").Namespace(capi.Namespace)
	put(t, kurators, map[string]any{
		"apiVersion": "cluster.kurator.dev/v1", "kind": "Cluster", "metadata": map[string]any{"name": "kur"},
		"spec": map[string]any{"workers": []any{map[string]any{"replicas": int64(2), "instanceType": "large"}}},
	})
	count := func() any {
		o, err := kurators.Get(t.Context(), "kur", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		workers, _, _ := unstructured.NestedSlice(o.Object, "spec", "workers")
		return workers[0].(map[string]any)["replicas"]
	}
	// Its own: they go with it.
	for group, kind := range map[string]string{"infrastructure": "KWOKCluster", "controlplane": "KWOKControlPlane"} {
		gvr := schema.GroupVersionResource{Group: group + ".cluster.x-k8s.io", Version: "v1", Resource: strings.ToLower(kind) + "s"}
		put(t, e.objects.Resource(gvr).Namespace(capi.Namespace), map[string]any{
			"apiVersion": gvr.GroupVersion().String(), "kind": kind, "metadata": map[string]any{"name": "kur"}, "spec": map[string]any{"version": "v1.36.3"},
		})
	}
	e.cluster(t, "kur", map[string]string{"cluster.kurator.dev/cluster-name": "kur", "cluster.kurator.dev/cluster-namespace": capi.Namespace}, map[string]any{
		"controlPlaneEndpoint": map[string]any{"host": "127.0.0.1", "port": int64(6443)},
		"infrastructureRef":    map[string]any{"apiGroup": "infrastructure.cluster.x-k8s.io", "kind": "KWOKCluster", "name": "kur"},
		"controlPlaneRef":      map[string]any{"apiGroup": "controlplane.cluster.x-k8s.io", "kind": "KWOKControlPlane", "name": "kur"},
	})
	e.pool(t, "kur-md-0", "kur", 2)
	standIn(t, func(ctx context.Context) error {
		o, err := kurators.Get(ctx, "kur", metav1.GetOptions{})
		if err != nil {
			return err
		}
		workers, _, _ := unstructured.NestedSlice(o.Object, "spec", "workers")
		_, err = e.of("machinedeployments").Patch(ctx, "kur-md-0", types.MergePatchType,
			fmt.Appendf(nil, `{"spec": {"replicas": %v}}`, workers[0].(map[string]any)["replicas"]), metav1.PatchOptions{})
		return err
	})
	nodes := e.workers(t, "c1", "kur-md-0")
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
	if err := r.Remove(t.Context(), again(t, step)); !errors.As(err, &refused) || count() != int64(2) {
		t.Errorf("remove: %v, and the count is %v", err, count())
	}
	step.From, step.To = 2, 1
	if err := r.Remove(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	if err := r.Remove(t.Context(), again(t, step)); err != nil {
		t.Fatal(err)
	}
	e.confirm(t, r, step)
	if left := uids(e.workers(t, "c1", "kur-md-0")); !maps.Equal(left, uids(nodes[:1])) || count() != int64(1) {
		t.Errorf("left are %v, with a count of %v", left, count())
	}
	pools, err := r.Pools(t.Context(), e.workers(t, "c1", "kur-md-0"))
	if err != nil || len(pools) != 1 || *pools[0].Owner.Count != 1 {
		t.Fatalf("pools: %+v, %v", pools, err)
	}
	if err := r.Set(t.Context(), "run", pools[0], 2); err != nil || count() != int64(2) {
		t.Errorf("set: %v, and the count is %v", err, count())
	}
	e.inTime(t, "kur-md-0 has 2 nodes", func() error { return e.quiet(t, "kur-md-0", "c1", 2) })
}

// A CustomCluster of Kurator is refused, and not taken for nobody's.
func (e *estate) testCustomCluster(t *testing.T) {
	t.Parallel()
	machines := e.define(t, "c1", "CustomMachine", "infrastructure.cluster.x-k8s.io", "Namespaced").Namespace(capi.Namespace)
	put(t, machines, map[string]any{
		"apiVersion": "infrastructure.cluster.x-k8s.io/v1", "kind": "CustomMachine", "metadata": map[string]any{"name": "custom"},
		"spec": map[string]any{"node": []any{map[string]any{"hostName": "c2-node-1"}}},
	})
	var nodes []*corev1.Node
	for _, name := range []string{"c2-node-1", "c2-node-2"} {
		n, err := e.nodes["c2"].CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
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

// karpenter makes NodeClaims with nodes in c2, and terminates them as Karpenter does.
type karpenter struct {
	claims dynamic.NamespaceableResourceInterface
	nodes  kubernetes.Interface
}

func (k *karpenter) make(t *testing.T, name, pool string) {
	t.Helper()
	labels := map[string]string{"karpenter.sh/nodepool": pool}
	ctx := context.WithoutCancel(t.Context())
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.NodeSpec{ProviderID: "kwok://" + name}}
	if _, err := k.nodes.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.nodes.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	put(t, k.claims, map[string]any{
		"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
		"metadata": map[string]any{"name": name, "labels": map[string]any{"karpenter.sh/nodepool": pool}, "finalizers": []any{"karpenter.sh/termination"}},
		"status":   map[string]any{"nodeName": name, "providerID": "kwok://" + name},
	})
}

// terminate is what Karpenter does about NodeClaims that are deleted.
func (k *karpenter) terminate(ctx context.Context) error {
	list, err := k.claims.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, c := range list.Items {
		if c.GetDeletionTimestamp() == nil {
			continue
		}
		if err := k.nodes.CoreV1().Nodes().Delete(ctx, c.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		c.SetFinalizers(nil)
		if _, err := k.claims.Update(ctx, &c, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// Of a pool that has what its pods need a NodeClaim goes, and no other comes, or it is
// said; a pool with a count of its own is refused.
func (e *estate) testKarpenter(t *testing.T) {
	t.Parallel()
	pools := e.define(t, "c2", "NodePool", "karpenter.sh", "Cluster")
	k := &karpenter{e.define(t, "c2", "NodeClaim", "karpenter.sh", "Cluster"), e.nodes["c2"]}
	put(t, pools, map[string]any{"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": map[string]any{"name": "dynamic"}, "spec": map[string]any{}})
	put(t, pools, map[string]any{"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": map[string]any{"name": "static"}, "spec": map[string]any{"replicas": int64(1)}})
	var nodes []*corev1.Node
	standIn(t, k.terminate)
	for _, name := range []string{"dynamic-1", "dynamic-2", "dynamic-3", "static-1"} {
		pool, _, _ := strings.Cut(name, "-")
		k.make(t, name, pool)
		n, err := e.nodes["c2"].CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
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
	if list, err := k.claims.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 3 {
		t.Errorf("%d NodeClaims are left, %v", len(list.Items), err)
	}

	// A pod had no place, and Karpenter makes a node for it.
	step = begin(t, r, nodes[0])
	if err := r.Remove(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	k.make(t, "dynamic-4", "dynamic")
	e.inTime(t, "another node is noticed", func() error {
		p, err := r.Confirm(t.Context(), step)
		if _, wrong := errors.AsType[*remove.WrongError](err); wrong {
			return nil
		}
		return fmt.Errorf("%+v, %w", p, err)
	})
}
