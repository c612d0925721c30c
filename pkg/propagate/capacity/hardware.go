package capacity

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
)

// modelLabels are the node labels that say which accelerator a node has: those of
// NVIDIA's GPU feature discovery, GKE, Karpenter on AWS, AMD and Intel.
func modelLabels() []string {
	return []string{
		"nvidia.com/gpu.product", "cloud.google.com/gke-accelerator", "karpenter.k8s.aws/instance-gpu-name",
		"amd.com/gpu.product-name", "gpu.intel.com/product", corev1.LabelInstanceTypeStable,
	}
}

// Hardware is how much of a resource is free on the nodes that fit a requirement,
// all together. Nodes that are cordoned or not ready do not count.
func (f *Free) Hardware(r policy.Requirement) resource.Quantity {
	var sum resource.Quantity
	for i := range f.nodes {
		n := &f.nodes[i]
		if !slices.ContainsFunc(r.Models, func(e policy.Expression) bool { return !hasModel(n, e) }) {
			sum.Add(f.left(n, corev1.ResourceName(r.Resource)))
		}
	}
	return sum
}

// Score is the sum of the weights of the preferences that some node fits.
func (f *Free) Score(preferences []policy.Preference) int64 {
	var score int64
	for _, p := range preferences {
		if slices.ContainsFunc(f.nodes, func(n corev1.Node) bool { return hasModel(&n, p.Model) }) {
			score += int64(p.Weight)
		}
	}
	return score
}

// left is what the pods on a node leave of a resource.
func (f *Free) left(n *corev1.Node, name corev1.ResourceName) resource.Quantity {
	allocatable := n.Status.Allocatable[name]
	left := allocatable.DeepCopy()
	for _, p := range f.pods {
		if p.node == n.Name {
			left.Sub(p.requests[name])
		}
	}
	if left.Sign() < 0 {
		return resource.Quantity{}
	}
	return left
}

// hasModel says whether a node is of one of some models, or of none of them. A node
// without a label that says is of none.
func hasModel(n *corev1.Node, e policy.Expression) bool {
	keys := modelLabels()
	if e.Key != "" {
		keys = []string{e.Key}
	}
	is := slices.ContainsFunc(keys, func(key string) bool { return isModel(n.Labels[key], e.Values) })
	return is == (cmp.Or(e.Operator, corev1.NodeSelectorOpIn) == corev1.NodeSelectorOpIn)
}

// isModel compares the label of a node with what people call the model: the label
// says NVIDIA-A100-SXM4-80GB or nvidia-tesla-a100, and people say a100.
func isModel(label string, names []string) bool {
	words := strings.FieldsFunc(strings.ToLower(label), func(r rune) bool { return strings.ContainsRune("-_. ", r) })
	return slices.ContainsFunc(names, func(name string) bool {
		return label != "" && strings.EqualFold(name, label) || slices.Contains(words, strings.ToLower(name))
	})
}
