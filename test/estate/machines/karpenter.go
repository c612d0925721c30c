package machines

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/test/estate"
)

// Karpenter is a stand-in for Karpenter: it terminates the nodes of NodeClaims that
// are deleted.
type Karpenter struct {
	Pools, Claims dynamic.NamespaceableResourceInterface

	nodes kubernetes.Interface
}

// NewKarpenter is one at work until the test ends.
func NewKarpenter(t testing.TB, config *rest.Config) *Karpenter {
	t.Helper()
	define := func(kind string) dynamic.NamespaceableResourceInterface {
		return estate.Define(t, config, estate.Type{Kind: kind, Group: "karpenter.sh", Version: "v1"})
	}
	nodes, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	k := &Karpenter{Pools: define("NodePool"), Claims: define("NodeClaim"), nodes: nodes}
	estate.StandIn(t, k.terminate)
	return k
}

// Pool makes a NodePool that goes with the test.
func (k *Karpenter) Pool(t testing.TB, name string, spec map[string]any) {
	t.Helper()
	estate.Put(t, k.Pools, map[string]any{"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": map[string]any{"name": name}, "spec": spec})
}

// Claim makes a node Karpenter's: it gets a NodeClaim of its name, of a pool.
func (k *Karpenter) Claim(t testing.TB, node, pool string) {
	t.Helper()
	id := "kwok://" + node
	patch := `{"metadata":{"labels":{"karpenter.sh/nodepool":"` + pool + `"}},"spec":{"providerID":"` + id + `"}}`
	if _, err := k.nodes.CoreV1().Nodes().Patch(t.Context(), node, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	estate.Put(t, k.Claims, map[string]any{
		"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
		"metadata": map[string]any{"name": node, "labels": map[string]any{"karpenter.sh/nodepool": pool}, "finalizers": []any{"karpenter.sh/termination"}},
		"status":   map[string]any{"nodeName": node, "providerID": id},
	})
}

// Left are the NodeClaims of a pool, by name.
func (k *Karpenter) Left(t testing.TB, pool string) []string {
	t.Helper()
	list, err := k.Claims.List(t.Context(), metav1.ListOptions{LabelSelector: "karpenter.sh/nodepool=" + pool})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].GetName())
	}
	return names
}

// terminate is what Karpenter does about NodeClaims that are deleted.
func (k *Karpenter) terminate(ctx context.Context) error {
	list, err := k.Claims.List(ctx, metav1.ListOptions{})
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
		if _, err := k.Claims.Update(ctx, &c, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}
