package scale

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
)

// leaving is a node of a zone with so many pods of app web.
func leaving(name, zone string, pods int) candidate.Candidate {
	c := candidate.Candidate{Node: &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: zone}}}}
	for i := range pods {
		c.Contents.Moving = append(c.Contents.Moving, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("%s-%d", name, i), UID: types.UID(fmt.Sprintf("%s-%d", name, i)), Labels: map[string]string{"app": "web"}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
		})
	}
	return c
}

// spares is a budget over app web that can spare so many pods.
func spares(n int) *budget.Index {
	const pods = 100
	return budget.NewIndex([]*policyv1.PodDisruptionBudget{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "b", Generation: 1},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: new(intstr.FromInt(pods - n)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
		Status: policyv1.PodDisruptionBudgetStatus{
			ObservedGeneration: 1, DisruptionsAllowed: int32(n), CurrentHealthy: pods, DesiredHealthy: int32(pods - n), ExpectedPods: pods, //nolint:gosec // few
		},
	}})
}

func TestWaves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		nodes    []candidate.Candidate
		workers  int
		spare    int
		parallel int
		refills  int // 0: as where nodes are removed
		want     []int
	}{
		"one wave, which refills its budget":  {nodes: []candidate.Candidate{leaving("a", "z", 2), leaving("b", "z", 2), leaving("c", "z", 4)}, workers: 30, spare: 2, parallel: 10, want: []int{1, 1, 1}},
		"not more often than is bearable":     {nodes: []candidate.Candidate{leaving("a", "z", 6), leaving("b", "z", 3), leaving("c", "z", 2)}, workers: 30, spare: 2, parallel: 10, want: []int{1, 2, 1}},
		"alone, if it needs too much itself":  {nodes: []candidate.Candidate{leaving("a", "z", 9), leaving("b", "z", 0), leaving("c", "z", 9)}, workers: 30, spare: 2, parallel: 10, want: []int{1, 2, 3}},
		"however often, if nodes are kept":    {nodes: []candidate.Candidate{leaving("a", "z", 9), leaving("b", "z", 0), leaving("c", "z", 9)}, workers: 30, spare: 2, parallel: 10, refills: refillsKept, want: []int{1, 1, 1}},
		"one zone after the other":            {nodes: []candidate.Candidate{leaving("a", "y", 1), leaving("b", "z", 1), leaving("c", "y", 1)}, workers: 30, spare: 2, parallel: 10, want: []int{1, 2, 1}},
		"no more than may be emptied at once": {nodes: []candidate.Candidate{leaving("a", "z", 1), leaving("b", "z", 1), leaving("c", "z", 1)}, workers: 30, spare: 2, parallel: 2, want: []int{1, 1, 2}},
		"a third of a small zone":             {nodes: []candidate.Candidate{leaving("a", "z", 1), leaving("b", "z", 1), leaving("c", "z", 1)}, workers: 6, spare: 2, parallel: 10, want: []int{1, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := waves(c.nodes, map[string]int{"y": c.workers, "z": c.workers}, spares(c.spare), c.parallel, cmp.Or(c.refills, refills))
			if !slices.Equal(got, c.want) {
				t.Errorf("waves %v, want %v", got, c.want)
			}
		})
	}
}
