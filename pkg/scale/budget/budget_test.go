package budget

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// under is a budget over all pods of its namespace, as its controller counts it.
func under(least int, healthy, expected int32, change ...func(*policyv1.PodDisruptionBudget)) *policyv1.PodDisruptionBudget {
	b := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "b", Generation: 2},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: new(intstr.FromInt(least)), Selector: &metav1.LabelSelector{}},
		Status: policyv1.PodDisruptionBudgetStatus{
			ObservedGeneration: 2, CurrentHealthy: healthy, DesiredHealthy: int32(least), ExpectedPods: expected, DisruptionsAllowed: max(0, healthy-int32(least)), //nolint:gosec // few
		},
	}
	for _, c := range change {
		c(b)
	}
	return b
}

// What a budget says of a pod's eviction: now, later, or never as things are. The rows
// are those of the API server's eviction and of the disruption controller.
func TestBlocks(t *testing.T) {
	t.Parallel()
	pod := func(phase corev1.PodPhase, ready corev1.ConditionStatus) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1"},
			Status:     corev1.PodStatus{Phase: phase, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}},
		}
	}
	healthy, sick := pod(corev1.PodRunning, corev1.ConditionTrue), pod(corev1.PodRunning, corev1.ConditionFalse)
	leaving := pod(corev1.PodRunning, corev1.ConditionTrue)
	leaving.DeletionTimestamp = new(metav1.Now())
	always := func(b *policyv1.PodDisruptionBudget) { b.Spec.UnhealthyPodEvictionPolicy = new(policyv1.AlwaysAllow) }
	unseen := func(b *policyv1.PodDisruptionBudget) { b.Generation++ }
	uncounted := func(b *policyv1.PodDisruptionBudget) {
		b.Status.Conditions = []metav1.Condition{{Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.SyncFailedReason}}
	}
	for name, test := range map[string]struct {
		pod     *corev1.Pod
		budgets []*policyv1.PodDisruptionBudget
		reason  string // "": it can be evicted, now or later
		class   Class
		free    bool
	}{
		"allowed now":                             {healthy, []*policyv1.PodDisruptionBudget{under(1, 2, 2)}, "", Open, false},
		"allowed when another is healthy":         {healthy, []*policyv1.PodDisruptionBudget{under(1, 1, 2)}, "", Waiting, false},
		"never, though all are healthy":           {healthy, []*policyv1.PodDisruptionBudget{under(1, 1, 1)}, "PermanentBudget", Permanent, false},
		"never, for it keeps nobody":              {healthy, []*policyv1.PodDisruptionBudget{under(0, 0, 0)}, "PermanentBudget", Permanent, false},
		"nobody knows since its change":           {healthy, []*policyv1.PodDisruptionBudget{under(1, 1, 1, unseen)}, "", Waiting, false},
		"its controller cannot count":             {healthy, []*policyv1.PodDisruptionBudget{under(1, 2, 2, uncounted)}, "UncountedBudget", Uncounted, false},
		"two budgets":                             {healthy, []*policyv1.PodDisruptionBudget{under(1, 2, 2), under(1, 2, 2, func(b *policyv1.PodDisruptionBudget) { b.Name = "more" })}, "SeveralBudgets", Open, false},
		"of another namespace":                    {healthy, []*policyv1.PodDisruptionBudget{under(1, 1, 1, func(b *policyv1.PodDisruptionBudget) { b.Namespace = "db" })}, "", Permanent, false},
		"it has not begun":                        {pod(corev1.PodPending, corev1.ConditionFalse), []*policyv1.PodDisruptionBudget{under(2, 0, 2)}, "", Permanent, false},
		"it has ended":                            {pod(corev1.PodSucceeded, corev1.ConditionFalse), []*policyv1.PodDisruptionBudget{under(2, 0, 2)}, "", Permanent, false},
		"it is leaving":                           {leaving, []*policyv1.PodDisruptionBudget{under(1, 1, 1)}, "", Permanent, false},
		"sick, and enough others are healthy":     {sick, []*policyv1.PodDisruptionBudget{under(2, 2, 3)}, "", Waiting, true},
		"sick, and the others are not, either":    {sick, []*policyv1.PodDisruptionBudget{under(2, 1, 3)}, "UnhealthyPod", Waiting, false},
		"sick, and its budget minds only healthy": {sick, []*policyv1.PodDisruptionBudget{under(2, 0, 2, always)}, "", Permanent, true},
		"healthy, whatever it says of the sick":   {healthy, []*policyv1.PodDisruptionBudget{under(2, 2, 2, always)}, "PermanentBudget", Permanent, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := NewIndex(test.budgets)
			blocker, blocks := x.Blocks(test.pod)
			if blocks != (test.reason != "") || blocker.Reason != test.reason || blocks && blocker.Fix == "" {
				t.Errorf("blocked is %t: %+v, want %q", blocks, blocker, test.reason)
			}
			first := x.All()[0]
			if len(test.budgets) > 1 {
				first = x.Of(test.pod)[1]
			}
			if class := first.Class(); class != test.class || class != Open && first.Fix() == "" {
				t.Errorf("class %s (%s), want %s", class, first.Fix(), test.class)
			}
			if free := first.Free(test.pod); free != test.free {
				t.Errorf("its eviction takes nothing from the budget: %t, want %t", free, test.free)
			}
		})
	}
}
