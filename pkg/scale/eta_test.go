package scale

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
)

// pods changes the pods of a node that leaves.
func pods(c candidate.Candidate, change func(*corev1.Pod)) candidate.Candidate {
	for _, p := range c.Contents.Moving {
		change(p)
	}
	return c
}

// took makes a pod one that became Ready so long after it was made.
func took(d time.Duration) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.CreationTimestamp = metav1.Unix(1_700_000_000, 0)
		p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(p.CreationTimestamp.Add(d))
	}
}

// A plan says how long each node will take, which is as long as its wave: as the slowest
// pod needs to end and another to become Ready, once for each time that budgets must be
// refilled.
func TestETA(t *testing.T) {
	t.Parallel()
	grace := func(seconds int64) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = &seconds }
	}
	for name, test := range map[string]struct {
		nodes []candidate.Candidate
		spare int
		want  []int // seconds
	}{
		"an empty node":                          {[]candidate.Candidate{leaving("a", "z", 0)}, 1, []int{10}},
		"a pod that ends and starts":             {[]candidate.Candidate{pods(leaving("a", "z", 1), took(5*time.Second))}, 1, []int{10 + 30 + 5}},
		"a pod that ends soon":                   {[]candidate.Candidate{pods(pods(leaving("a", "z", 1), took(5*time.Second)), grace(2))}, 1, []int{10 + 2 + 5}},
		"few use all of a long grace":            {[]candidate.Candidate{pods(pods(leaving("a", "z", 1), took(5*time.Second)), grace(3600))}, 1, []int{10 + 30 + 5}},
		"no budget is over them":                 {[]candidate.Candidate{pods(pods(leaving("a", "z", 9), took(5*time.Second)), func(p *corev1.Pod) { p.Labels = nil })}, 1, []int{10 + 30 + 5}},
		"nobody knows how long it took":          {[]candidate.Candidate{pods(leaving("a", "z", 1), took(time.Hour))}, 1, []int{10 + 30 + 30}},
		"a budget that spares one pod of three":  {[]candidate.Candidate{pods(leaving("a", "z", 3), took(5*time.Second))}, 1, []int{10 + 3*35}},
		"a budget that spares two pods of three": {[]candidate.Candidate{pods(leaving("a", "z", 3), took(5*time.Second))}, 2, []int{10 + 2*35}},
		"two nodes of a wave go together":        {[]candidate.Candidate{pods(leaving("a", "z", 2), took(5*time.Second)), pods(leaving("b", "z", 2), took(time.Second))}, 2, []int{10 + 2*35, 10 + 2*35}},
		"those of another wave have it anew":     {[]candidate.Candidate{pods(leaving("a", "y", 2), took(5*time.Second)), pods(leaving("b", "z", 2), took(5*time.Second))}, 2, []int{10 + 35, 10 + 35}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &planned{look: &look{budgets: spares(test.spare), field: candidate.Field{Workers: workers(30, "y", "z")}}}
			plan := &v1alpha1.ScalePlan{}
			p.fill(plan, chosen{nodes: test.nodes}, Request{Parallel: 10})
			var got []int
			for _, n := range plan.Nodes {
				got = append(got, n.ETASeconds)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

// workers are so many nodes of each zone.
func workers(n int, zones ...string) []*corev1.Node {
	var all []*corev1.Node
	for _, zone := range zones {
		for range n {
			all = append(all, leaving("", zone, 0).Node)
		}
	}
	return all
}
