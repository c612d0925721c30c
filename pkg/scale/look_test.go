package scale

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/simulate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// room is a node for so many cores.
func room(name, cpu string) *corev1.Node {
	size := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("110")}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Status:     corev1.NodeStatus{Allocatable: size, Capacity: size, Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
}

// needs is a pod of some ReplicaSet that needs so many cores.
func needs(name, node, cpu string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "web", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{
			NodeName: node, SchedulerName: corev1.DefaultSchedulerName,
			Containers: []corev1.Container{{Name: "web", Image: "web:1", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}}},
		},
	}
}

// What comes in the place of an evicted pod, and has no node yet, has its place kept in
// the plan of the next wave.
func TestEvictedPodsAreCounted(t *testing.T) {
	t.Parallel()
	leaves, moves := room("a", "4"), needs("web-1", "a", "3")
	waits, gated := needs("web-2", "", "2"), needs("web-2", "", "2")
	waits.Spec.NodeSelector = map[string]string{corev1.LabelHostname: "b"}
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/later"}}
	over := needs("web-2", "b", "2")
	over.Status.Phase = corev1.PodFailed
	for name, c := range map[string]struct {
		other *corev1.Pod
		want  simulate.Verdict
	}{
		"the replacement waits for its node": {waits, simulate.NoPlace},
		"the replacement has its node":       {needs("web-2", "b", "2"), simulate.NoPlace},
		"it must not have a node yet":        {gated, simulate.Fits},
		"the evicted pod has ended":          {over, simulate.Fits},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := simulate.New(t.Context(), simulated(&snapshot.Snapshot{Nodes: []*corev1.Node{leaves, room("b", "4")}, Pods: []*corev1.Pod{moves, c.other}}), simulate.Options{})
			if err != nil {
				t.Fatal(err)
			}
			p, err := e.Place(t.Context(), []simulate.Leaving{{Node: "a", Pods: []*corev1.Pod{moves}}})
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Moves[0].Verdict; got != c.want {
				t.Errorf("%s, want %s: %+v", got, c.want, p.Moves[0].Blocked)
			}
		})
	}
}
