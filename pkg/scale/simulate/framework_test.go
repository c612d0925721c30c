package simulate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/apis/config/latest"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

// TestAsTheFramework compares every answer with that of the scheduler's framework,
// which remembers nothing. Pods are placed, nodes emptied, and all that undone.
func TestAsTheFramework(t *testing.T) {
	metrics.InitMetrics()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			c := anyCluster(random)
			e, err := New(t.Context(), c, Options{})
			if err != nil {
				t.Fatal(err)
			}
			scheduler := newFramework(t, e)
			movers, err := e.moversOf(t.Context(), c.Pods)
			if err != nil {
				t.Fatal(err)
			}
			random.Shuffle(len(movers), func(i, j int) { movers[i], movers[j] = movers[j], movers[i] })
			forks := []int{0}
			for step := 0; step < 120 && len(movers) > 0; step++ {
				switch random.IntN(12) {
				case 0:
					forks = append(forks, len(e.state.undo))
				case 1:
					e.state.revert(forks[len(forks)-1])
					if forks = forks[:len(forks)-1]; len(forks) == 0 {
						forks = []int{0}
					}
				case 2:
					at := random.IntN(len(e.state.nodes))
					e.state.close(at)
					if random.IntN(3) > 0 {
						e.state.vacate(at)
					}
				default:
					m := movers[random.IntN(len(movers))]
					compare(t, e, scheduler, m, random)
				}
			}
		})
	}
}

// compare asks both about a pod, and places it somewhere.
func compare(t *testing.T, e *Engine, scheduler framework.Framework, m *mover, random *rand.Rand) {
	t.Helper()
	ctx := t.Context()
	if err := e.prepare(ctx, m); err != nil {
		t.Fatal(err)
	}
	cycle := framework.NewCycleState()
	pod := m.info.Pod
	_, status, _ := scheduler.RunPreFilterPlugins(ctx, cycle, pod)
	if status.IsSuccess() != (m.class.rejected == nil) {
		t.Fatalf("%s: %v, but before any node %v", pod.Name, m.class.rejected, status)
	}
	if m.class.rejected != nil {
		return
	}
	e.found = e.found[:0]
	var theirs []fwk.NodeInfo
	for at, n := range e.state.nodes {
		takes, err := e.takes(ctx, m, at)
		if err != nil {
			t.Fatal(err)
		}
		status := scheduler.RunFilterPlugins(ctx, cycle, pod, n)
		if takes != (status.IsSuccess() && e.state.open[at]) {
			t.Fatalf("%s on %s: %v, want what the framework says: %v", pod.Name, e.state.names[at], takes, status)
		}
		if takes {
			e.found = append(e.found, at)
			theirs = append(theirs, n)
		}
	}
	if len(e.found) < 2 {
		return
	}
	if _, err := e.best(ctx, m, random); err != nil {
		t.Fatal(err)
	}
	if status := scheduler.RunPreScorePlugins(ctx, cycle, pod, theirs); !status.IsSuccess() {
		t.Fatal(status.AsError())
	}
	scores, status := scheduler.RunScorePlugins(ctx, cycle, pod, theirs)
	if !status.IsSuccess() {
		t.Fatal(status.AsError())
	}
	var got, want []int64
	for i, s := range scores {
		got = append(got, e.totals[i]-e.totals[0]) // what all nodes have in common is left out
		want = append(want, s.TotalScore-scores[0].TotalScore)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("how much %s likes nodes: %s\n%+v", pod.Name, diff, scores)
	}
	for _, placed := range e.state.nodes {
		for _, p := range placed.GetPods() {
			if p.GetPod().UID == pod.UID {
				return // it is there: once is enough
			}
		}
	}
	if err := e.put(ctx, m, e.found[random.IntN(len(e.found))]); err != nil {
		t.Fatal(err)
	}
}

// newFramework is the scheduler's own framework with the default profile.
func newFramework(t *testing.T, e *Engine) framework.Framework {
	t.Helper()
	defaults, err := latest.Default()
	if err != nil {
		t.Fatal(err)
	}
	profile := &defaults.Profiles[0]
	profile.Plugins.MultiPoint.Enabled = slices.DeleteFunc(profile.Plugins.MultiPoint.Enabled, func(p config.Plugin) bool {
		return slices.Contains([]string{names.DefaultPreemption, names.DynamicResources, names.GangScheduling}, p.Name)
	})
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	f, err := runtime.NewFramework(ctx, plugins.NewInTreeRegistry(), profile,
		runtime.WithSnapshotSharedLister(e.handle.lister), runtime.WithInformerFactory(e.handle.factory), runtime.WithSharedCSIManager(e.handle.SharedCSIManager()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// anyCluster is small, with a bit of everything that keeps pods from nodes, or
// makes them like one.
func anyCluster(random *rand.Rand) Cluster {
	var c Cluster
	one := func(n int) bool { return random.IntN(n) == 0 }
	for i := range 6 + random.IntN(12) {
		n := node(fmt.Sprintf("n-%d", i), fmt.Sprintf("z%d", random.IntN(4)), fmt.Sprint(4+random.IntN(8)))
		n.Labels["pool"] = fmt.Sprintf("p%d", random.IntN(3))
		switch random.IntN(10) {
		case 0:
			n.Spec.Taints = []corev1.Taint{{Key: "only", Value: "some", Effect: corev1.TaintEffectNoSchedule}}
		case 1:
			n.Spec.Taints = []corev1.Taint{{Key: "rather", Effect: corev1.TaintEffectPreferNoSchedule}}
		case 2:
			delete(n.Labels, corev1.LabelTopologyZone)
		case 3:
			n.Status.Images = []corev1.ContainerImage{{Names: []string{"app:1"}, SizeBytes: int64(random.IntN(500)) << 20}}
		}
		c.Nodes = append(c.Nodes, n)
	}
	apps := 3 + random.IntN(5)
	for a := range apps {
		app := fmt.Sprintf("app-%d", a)
		if !one(4) {
			c.ReplicaSets = append(c.ReplicaSets, replicaSet(app))
		}
		change := anyChange(random, apps)
		for i := range 2 + random.IntN(8) {
			p := pod(fmt.Sprintf("%s-%d", app, i), c.Nodes[random.IntN(len(c.Nodes))].Name, app, fmt.Sprintf("%dm", 100*(1+random.IntN(3))))
			p.Labels["revision"] = fmt.Sprint(random.IntN(2))
			change(p)
			c.Pods = append(c.Pods, p)
		}
	}
	c.Namespaces = []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{"team": "shop"}}}}
	c.Services = []*corev1.Service{{ObjectMeta: metav1.ObjectMeta{Name: "app-0", Namespace: "shop"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "app-0"}}}}
	return c
}

// anyChange is what the pods of one owner ask for.
func anyChange(random *rand.Rand, apps int) func(*corev1.Pod) {
	var changes []func(*corev1.Pod)
	pick := func(n int, change func(*corev1.Pod)) {
		if random.IntN(n) == 0 {
			changes = append(changes, change)
		}
	}
	keys := []string{corev1.LabelHostname, corev1.LabelTopologyZone, "pool"}
	key := func() string { return keys[random.IntN(len(keys))] }
	other := &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprintf("app-%d", random.IntN(apps))}}
	every := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpExists}}}
	selector := func() *metav1.LabelSelector {
		if random.IntN(4) == 0 {
			return every
		}
		return other
	}
	affinity := func(p *corev1.Pod) *corev1.Affinity {
		if p.Spec.Affinity == nil {
			p.Spec.Affinity = &corev1.Affinity{}
		}
		return p.Spec.Affinity
	}
	for range 1 + random.IntN(2) {
		constraint := corev1.TopologySpreadConstraint{MaxSkew: int32(1 + random.IntN(2)), TopologyKey: key(), WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: selector()}
		switch random.IntN(5) {
		case 0:
			constraint.NodeTaintsPolicy = new(corev1.NodeInclusionPolicyHonor)
		case 1:
			constraint.NodeAffinityPolicy = new(corev1.NodeInclusionPolicyIgnore)
		case 2:
			constraint.MatchLabelKeys = []string{"revision"}
		}
		switch random.IntN(4) {
		case 0, 1:
			constraint.WhenUnsatisfiable = corev1.ScheduleAnyway
		case 2:
			constraint.MinDomains = new(int32(3))
		}
		pick(2, func(p *corev1.Pod) {
			p.Spec.TopologySpreadConstraints = append(p.Spec.TopologySpreadConstraints, constraint)
		})
	}
	term := corev1.PodAffinityTerm{TopologyKey: key(), LabelSelector: selector()}
	if random.IntN(3) == 0 {
		term.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "shop"}}
	}
	pick(6, func(p *corev1.Pod) {
		affinity(p).PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term}}
	})
	pick(5, func(p *corev1.Pod) {
		affinity(p).PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{TopologyKey: corev1.LabelHostname, LabelSelector: other}}}
	})
	pick(5, func(p *corev1.Pod) {
		affinity(p).PodAntiAffinity = &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 30, PodAffinityTerm: term}}}
	})
	pick(6, func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"pool": "p1"} })
	pick(6, func(p *corev1.Pod) {
		affinity(p).NodeAffinity = &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
			Weight: 50, Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "pool", Operator: corev1.NodeSelectorOpIn, Values: []string{"p0"}}}},
		}}}
	})
	pick(5, func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} })
	pick(6, hostPort)
	pick(6, func(p *corev1.Pod) {
		p.Spec.Containers[0].Resources.Requests[corev1.ResourceMemory] = resource.MustParse("3Gi")
	})
	return func(p *corev1.Pod) {
		for _, c := range changes {
			c(p)
		}
	}
}
