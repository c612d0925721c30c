package fleetscale

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
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

// Whoever reads the first line of a plan knows whether anything can go, whether more could, and
// what keeps the next.
func TestExtent(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]struct {
		going, most int
		limit       string
	}{
		"none can go: all that are considered are blocked": {0, 0, "all that are considered are blocked"},
		"none can go": {0, -1, ""},
		"none would go, 2 could, and no more: n3: no place": {0, 2, "n3: no place"},
		"2 can go, and no more: all others are blocked":     {2, 2, "all others are blocked"},
		"2 can go; more were not tried":                     {2, 2, scale.Untried},
		"1 would go, 2 could, and no more: n3: no place":    {1, 2, "n3: no place"},
		"1 would go, 2 could; more were not tried":          {1, 2, scale.Untried},
		"2 can go": {2, -1, ""},
	} {
		if got := extent(p.going, p.most, p.limit); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
