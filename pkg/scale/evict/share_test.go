package evict

import (
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
)

// of is a healthy pod of an app, which its budget counts.
func of(app, name string, priority int32) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": app}},
		Spec:       corev1.PodSpec{Priority: &priority},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
}

// allowing has a budget for each app, and how much it allows.
func allowing(apps map[string]int32) *budget.Index {
	var list []*policyv1.PodDisruptionBudget
	for app, n := range apps {
		list = append(list, &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: app, UID: types.UID(app)},
			Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
			Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: n, CurrentHealthy: 10, DesiredHealthy: 10 - n, ExpectedPods: 10},
		})
	}
	return budget.NewIndex(list)
}

// Who may be evicted next: of each node those of the lowest priority, and no more than
// budgets allow, the first node's first. So two nodes that need two budgets each never
// hold one and wait for the other's.
func TestShare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		nodes   []*nodeRound
		allowed map[string]int32
		asked   map[types.UID]asked
		named   string // a pod that the budget web has named
		want    []string
	}{
		"as many as there are": {
			nodes: []*nodeRound{{evictable: []*corev1.Pod{of("web", "a", 0), of("web", "b", 0)}}}, want: []string{"a", "b"},
		},
		"the lowest priority first": {
			nodes: []*nodeRound{{evictable: []*corev1.Pod{of("web", "high", 9), of("web", "low", -1), of("web", "lower", -1)}}}, want: []string{"low", "lower"},
		},
		"a higher one waits until they have gone": {
			nodes: []*nodeRound{{evictable: []*corev1.Pod{of("web", "high", 9)}, leaving: []*corev1.Pod{of("web", "low", 0)}}},
		},
		"no more than the budget allows": {
			nodes: []*nodeRound{{evictable: []*corev1.Pod{of("web", "a", 0), of("web", "b", 0), of("db", "c", 0)}}}, allowed: map[string]int32{"web": 1}, want: []string{"a", "c"},
		},
		"what was taken and does not show yet counts": {
			nodes: []*nodeRound{{evictable: []*corev1.Pod{of("web", "a", 0)}}}, allowed: map[string]int32{"web": 1},
			asked: map[types.UID]asked{"before": {budget: "web", pod: "before", at: time.Now()}},
		},
		"and does not when it should have shown": {
			nodes: []*nodeRound{{evictable: []*corev1.Pod{of("web", "a", 0)}}}, allowed: map[string]int32{"web": 1},
			asked: map[types.UID]asked{"before": {budget: "web", pod: "before", at: time.Now().Add(-taken)}}, want: []string{"a"},
		},
		"and does not when the budget has named it, if only for a moment": {
			nodes: []*nodeRound{{evictable: []*corev1.Pod{of("web", "a", 0)}}}, allowed: map[string]int32{"web": 1}, named: "before",
			asked: map[types.UID]asked{"before": {budget: "web", pod: "before", at: time.Now()}}, want: []string{"a"},
		},
		"one at a time": {
			nodes: []*nodeRound{{evictable: []*corev1.Pod{of("web", "a", 0), of("web", "b", 0)}}}, allowed: map[string]int32{"web": 7}, want: []string{"a"},
		},
		"an eighth of many": {
			nodes: []*nodeRound{{evictable: []*corev1.Pod{of("web", "a", 0), of("web", "b", 0), of("web", "c", 0)}}}, allowed: map[string]int32{"web": 8}, want: []string{"a", "b"},
		},
		"beside what is not answered": {
			nodes: []*nodeRound{{evictable: []*corev1.Pod{of("web", "a", 0), of("db", "b", 0)}}}, allowed: map[string]int32{"web": 7, "db": 7},
			asked: map[types.UID]asked{"before": {budget: "web", pod: "before", open: true}}, want: []string{"b"},
		},
		"crossing budgets: one node has both": {
			nodes: []*nodeRound{
				{evictable: []*corev1.Pod{of("web", "a", 0), of("db", "b", 0)}}, {evictable: []*corev1.Pod{of("db", "c", 0), of("web", "d", 0)}},
			},
			allowed: map[string]int32{"web": 1, "db": 1}, want: []string{"b", "a"},
		},
		"a node that is blocked takes nothing": {
			nodes:   []*nodeRound{{evictable: []*corev1.Pod{of("web", "a", 0)}, blockers: []v1alpha1.Blocker{{Reason: "SeveralBudgets"}}}, {evictable: []*corev1.Pod{of("web", "b", 0)}}},
			allowed: map[string]int32{"web": 1}, want: []string{"b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &Drain{View: &View{disrupted: map[types.UID]map[string]bool{"web": {test.named: true}}}, asked: test.asked}
			r := round{index: allowing(test.allowed)}
			tokens := d.tokens(r.index)
			for _, n := range test.nodes {
				d.share(n, &r, tokens)
			}
			var got []string
			for _, p := range r.ready {
				got = append(got, p.Name)
			}
			slices.Sort(got)
			slices.Sort(test.want)
			if !slices.Equal(got, test.want) {
				t.Errorf("%v are evicted, want %v", got, test.want)
			}
		})
	}
}

// Where more pods have their turn than are asked for at once, those of the budget that has
// the most yet to go come first, whatever node they are on; those of no budget come last.
func TestLongestFirst(t *testing.T) {
	t.Parallel()
	free, short, long := of("batch", "free", 0), of("db", "short", 0), of("web", "long-1", 0)
	r := round{
		index: allowing(map[string]int32{"web": 1, "db": 1}), ready: []*corev1.Pod{free, short, long},
		of: map[string]*nodeRound{
			"n1": {evictable: []*corev1.Pod{free, short, of("batch", "free-2", 0), of("batch", "free-3", 0), nil}},
			"n2": {evictable: []*corev1.Pod{long}}, "n3": {evictable: []*corev1.Pod{of("web", "long-2", 0)}},
		},
	}
	r.longestFirst()
	if want := []*corev1.Pod{long, short, free}; !slices.Equal(r.ready, want) {
		t.Errorf("%s, %s and %s are asked for", r.ready[0].Name, r.ready[1].Name, r.ready[2].Name)
	}
}

// A few evictions are on their way side by side, more where the API server is slow, and
// never more than may be.
func TestFree(t *testing.T) {
	t.Parallel()
	several := func(n int, a asked) map[types.UID]asked {
		all := map[types.UID]asked{}
		for i := range n {
			all[types.UID(strconv.Itoa(i))] = a
		}
		return all
	}
	now, before := time.Now(), time.Now().Add(-2*brief)
	for name, test := range map[string]struct {
		asked map[types.UID]asked
		want  int
	}{
		"none":                 {nil, abreast},
		"one":                  {several(1, asked{at: now, open: true}), abreast - 1},
		"as many as there are": {several(abreast, asked{at: now, open: true}), 0},
		"taken":                {several(20, asked{at: now}), abreast},
		"slow to be answered":  {several(abreast, asked{at: before, open: true}), abreast},
		"most of them slow":    {several(9, asked{at: before, open: true}), 1},
		"all of them slow":     {several(10, asked{at: before, open: true}), 0},
	} {
		d := &Drain{asked: test.asked, answers: make(chan answer, 10)}
		if got := d.free(); got != test.want {
			t.Errorf("%s: %d may be asked for, want %d", name, got, test.want)
		}
	}
}
