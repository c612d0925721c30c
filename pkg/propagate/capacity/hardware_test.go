package capacity

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
)

func TestHardware(t *testing.T) {
	gpus := func(n string) corev1.ResourceList {
		return corev1.ResourceList{"nvidia.com/gpu": resource.MustParse(n)}
	}
	node := func(name, label, model, n string) corev1.Node {
		return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{label: model}}, Status: corev1.NodeStatus{Allocatable: gpus(n)}}
	}
	free := &Free{
		nodes: []corev1.Node{
			node("a", "nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB", "8"),
			node("b", "cloud.google.com/gke-accelerator", "nvidia-h100-80gb", "4"),
			node("c", "example.com/card", "a100", "2"),
			node("d", "nvidia.com/gpu.product", "Tesla-T4", "1"),
		},
		pods: []pod{{node: "a", requests: gpus("3")}, {node: "b", requests: gpus("9")}},
	}
	in := func(key string, values ...string) []policy.Expression {
		return []policy.Expression{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}}
	}
	for _, test := range []struct {
		name   string
		models []policy.Expression
		want   int64
	}{
		{"any model", nil, 5 + 0 + 2 + 1},
		{"by a word of a well-known label", in("", "a100"), 5},
		{"of two", in("", "A100", "t4"), 5 + 1},
		{"the whole label", in("", "nvidia-a100-sxm4-80gb"), 5},
		{"what is over-committed has none", in("", "h100"), 0},
		{"by a label of the user's own", in("example.com/card", "a100"), 2},
		{"none of", []policy.Expression{{Operator: corev1.NodeSelectorOpNotIn, Values: []string{"a100", "h100"}}}, 2 + 1},
		{"no part of a word", in("", "a10"), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := free.Hardware(policy.Requirement{Resource: "nvidia.com/gpu", Models: test.models})
			if got.Value() != test.want {
				t.Errorf("got %s, want %d", got.String(), test.want)
			}
		})
	}
	preferences := []policy.Preference{{Weight: 100, Model: in("", "a100")[0]}, {Weight: 10, Model: in("", "t4")[0]}, {Weight: 1, Model: in("", "v100")[0]}}
	if got := free.Score(preferences); got != 110 {
		t.Errorf("score: %d", got)
	}
}
