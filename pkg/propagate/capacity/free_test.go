package capacity

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func list(cpu, pods string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourcePods: resource.MustParse(pods)}
}

func TestFits(t *testing.T) {
	nodes := []corev1.Node{
		{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"disk": "ssd"}}, Status: corev1.NodeStatus{Allocatable: list("4", "10")}},
		{
			ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}},
			Status: corev1.NodeStatus{Allocatable: list("8", "3")},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Name: "c"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "x", Effect: corev1.TaintEffectPreferNoSchedule}}},
			Status: corev1.NodeStatus{Allocatable: list("1", "10")},
		},
	}
	cpu := func(n string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(n)}
	}
	pods := []pod{
		{"a", "other", labels.Set{"app": "web"}, cpu("1")},
		{"a", "shop", labels.Set{"app": "web"}, cpu("2")}, // its own: not in the way
		{"b", "shop", labels.Set{"app": "db"}, nil},
		{"gone", "shop", labels.Set{"app": "db"}, cpu("100")},
	}
	request := func(n string) corev1.ResourceRequirements { return corev1.ResourceRequirements{Requests: cpu(n)} }
	tests := []struct {
		name string
		spec corev1.PodSpec
		want int64
	}{
		{"by CPU, and not where a taint forbids it", corev1.PodSpec{Containers: []corev1.Container{{Resources: request("1")}}}, 3 + 1},
		{"a limit alone is a request", corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Limits: cpu("1")}}}}, 3 + 1},
		{"an init container asks for more", corev1.PodSpec{InitContainers: []corev1.Container{{Resources: request("3")}}, Containers: []corev1.Container{{Resources: request("1")}}}, 1},
		{"by the number of pods", corev1.PodSpec{Containers: []corev1.Container{{}}}, 9 + 10},
		{
			"tolerated", corev1.PodSpec{Tolerations: []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}, Containers: []corev1.Container{{Resources: request("1")}}},
			3 + 2 + 1,
		},
		{"by a node selector", corev1.PodSpec{NodeSelector: map[string]string{"disk": "ssd"}, Containers: []corev1.Container{{Resources: request("1")}}}, 3},
	}
	free := &Free{nodes: nodes, pods: pods}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := free.Fits("shop", labels.SelectorFromSet(labels.Set{"app": "web"}), corev1.PodTemplateSpec{Spec: test.spec})
			if err != nil || got != test.want {
				t.Errorf("got %d, %v, want %d", got, err, test.want)
			}
		})
	}
}
