package fleetscale

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/simulate"
)

// Who gives --yes does not see the plan: what of a cluster it does not reckon with is said
// anyway, and what is so in every cluster is not.
func TestUnforeseen(t *testing.T) {
	t.Parallel()
	notModelled := func(pods ...*corev1.Pod) []string {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
		e, err := simulate.New(t.Context(), simulate.Cluster{Nodes: []*corev1.Node{node}, Pods: pods}, simulate.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return e.NotModelled()
	}
	other := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"}, Spec: corev1.PodSpec{NodeName: "n", SchedulerName: "own"}}
	plans := []*v1alpha1.ScalePlan{
		{ObjectMeta: metav1.ObjectMeta{Name: "east"}, NotModelled: notModelled()},
		{ObjectMeta: metav1.ObjectMeta{Name: "west"}, NotModelled: append(notModelled(other), "Cluster Autoscaler runs")},
	}
	want := []string{
		"west: not modelled: other schedulers, which may decide otherwise about these pods: shop/p", "west: not modelled: Cluster Autoscaler runs",
	}
	if got := unforeseen(plans); !slices.Equal(got, want) {
		t.Errorf("it says %q", got)
	}
}
