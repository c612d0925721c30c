package simulate

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func node(name, zone, cpu string) *corev1.Node {
	capacity := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("64Gi"), corev1.ResourcePods: resource.MustParse("110")}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: zone}},
		Status: corev1.NodeStatus{
			Allocatable: capacity, Capacity: capacity,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
}

func pod(name, on, app, cpu string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "shop", UID: types.UID(name), Labels: map[string]string{"app": app},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: app, UID: types.UID(app), Controller: new(true)}},
		},
		Spec: corev1.PodSpec{
			NodeName: on, SchedulerName: corev1.DefaultSchedulerName,
			Containers: []corev1.Container{{Name: "app", Image: "app:1", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func evenly(p *corev1.Pod) {
	p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": p.Labels["app"]}},
	}}
}

func apart(key string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey: key, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": p.Labels["app"]}},
		}}}}
	}
}

// place says what happens if nodes leave with all their pods.
func place(t testing.TB, c Cluster, o Options, nodes ...string) *Placement {
	t.Helper()
	e, err := New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	leaving := make([]Leaving, len(nodes))
	for i, n := range nodes {
		leaving[i].Node = n
		for _, p := range c.Pods {
			if p.Spec.NodeName == n {
				leaving[i].Pods = append(leaving[i].Pods, p)
			}
		}
	}
	first, err := e.Place(t.Context(), leaving)
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.Place(t.Context(), leaving)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(first, again) {
		t.Fatalf("a second look gives another result: %+v, then %+v", first, again)
	}
	return first
}

func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		name    string
		cluster Cluster
		leaving []string
		want    []Verdict
		blocked string // a reason of the first that has one
	}{
		{
			name:    "room elsewhere",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4")}, Pods: []*corev1.Pod{pod("p", "a", "web", "1")}},
			leaving: []string{"a"}, want: []Verdict{Fits},
		},
		{
			name:    "no CPU elsewhere",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4")}, Pods: []*corev1.Pod{pod("p", "a", "web", "3"), pod("q", "b", "web", "3")}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "Insufficient cpu",
		},
		{
			name: "leaving nodes are no destinations",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4"), node("c", "z1", "1")}, Pods: []*corev1.Pod{
				pod("p", "a", "web", "1"), pod("q", "b", "web", "1"),
			}},
			leaving: []string{"a", "b"}, want: []Verdict{Fits, NoPlace},
		},
		{
			name:    "a node that is not Ready is no destination",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), func() *corev1.Node { n := node("b", "z1", "4"); n.Status.Conditions = nil; return n }()}, Pods: []*corev1.Pod{pod("p", "a", "web", "1")}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "node(s) are not Ready",
		},
		{
			name: "the zone of the ghost still counts",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z2", "4")}, Pods: []*corev1.Pod{
				pod("p", "a", "web", "1", evenly), pod("q", "b", "web", "1", evenly),
			}},
			// nodeTaintsPolicy Ignore, the default, counts z1, which has none then: b would have two.
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "node(s) didn't match pod topology spread constraints",
		},
		{
			name: "pods that keep apart",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4"), node("c", "z1", "4")}, Pods: []*corev1.Pod{
				pod("p", "a", "db", "1", apart(corev1.LabelHostname)), pod("q", "b", "db", "1", apart(corev1.LabelHostname)), pod("r", "c", "db", "1", apart(corev1.LabelHostname)),
			}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "node(s) didn't match pod anti-affinity rules",
		},
		{
			name: "two that keep apart share one place",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4"), node("c", "z1", "4")}, Pods: []*corev1.Pod{
				pod("p", "a", "db", "1", apart(corev1.LabelHostname)), pod("q", "b", "db", "1", apart(corev1.LabelHostname)),
			}},
			leaving: []string{"a", "b"}, want: []Verdict{Fits, NoPlace},
		},
		{
			name: "an order matters",
			// 3 fits on c alone, and 1 on both: with 1 on c there is no place for 3.
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "8"), node("b", "z1", "1"), node("c", "z1", "3")}, Pods: []*corev1.Pod{
				pod("p", "a", "small", "1"), pod("q", "a", "big", "3"),
			}},
			leaving: []string{"a"}, want: []Verdict{Tight},
		},
		{
			name: "pending pods come first",
			cluster: Cluster{
				Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4")}, Pods: []*corev1.Pod{pod("p", "a", "web", "3")}, Pending: []*corev1.Pod{pod("w", "", "late", "2", func(p *corev1.Pod) {
					p.Spec.NodeSelector = map[string]string{corev1.LabelHostname: "b"}
				})},
			},
			leaving: []string{"a"}, want: []Verdict{NoPlace},
		},
		{
			name:    "taints",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), tainted(node("b", "z1", "4"))}, Pods: []*corev1.Pod{pod("p", "a", "web", "1")}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "node(s) had untolerated taint(s)",
		},
		{
			name:    "what tolerates every taint does not come back to a node that leaves",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "1")}, Pods: []*corev1.Pod{pod("p", "a", "web", "2", func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} })}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "Insufficient cpu",
		},
		{
			name:    "what the pod asks of nodes",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z2", "4")}, Pods: []*corev1.Pod{pod("p", "a", "web", "1", func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{corev1.LabelTopologyZone: "z1"} })}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "node(s) didn't match Pod's node affinity/selector",
		},
		{
			name: "over three zones, one pod after the other",
			// Each of the six finds its zone only if all zones are counted after every step.
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "9"), node("b", "z1", "2"), node("c", "z2", "2"), node("d", "z3", "2")}, Pods: []*corev1.Pod{
				pod("1", "a", "web", "1", evenly), pod("2", "a", "web", "1", evenly), pod("3", "a", "web", "1", evenly), pod("4", "a", "web", "1", evenly), pod("5", "a", "web", "1", evenly), pod("6", "a", "web", "1", evenly),
			}},
			leaving: []string{"a"}, want: []Verdict{Fits},
		},
		{
			name: "a node that has no places leaves the room to the next",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "9"), node("b", "z1", "4"), node("c", "z1", "2")}, Pods: []*corev1.Pod{
				pod("p", "a", "web", "2"), pod("q", "a", "web", "2"), pod("r", "b", "web", "2"),
			}},
			leaving: []string{"a", "b"}, want: []Verdict{NoPlace, Fits}, blocked: "Insufficient cpu",
		},
		{
			name: "what one node's pods take the next one's cannot",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4"), node("c", "z1", "2")}, Pods: []*corev1.Pod{
				pod("p", "a", "web", "2"), pod("r", "b", "web", "2"),
			}},
			leaving: []string{"b", "a"}, want: []Verdict{Fits, NoPlace}, blocked: "Insufficient cpu",
		},
		{
			name: "a pending pod that waits on a leaving node goes with it",
			cluster: Cluster{
				Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "1")}, Pods: []*corev1.Pod{pod("p", "a", "web", "1")}, Pending: []*corev1.Pod{pod("w", "", "late", "2")},
			},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "Insufficient cpu",
		},
		{
			name: "a DaemonSet's pod that waits for its node goes with it, and is nobody's any more",
			cluster: Cluster{
				Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "1")}, Pods: []*corev1.Pod{pod("p", "a", "web", "1")}, Pending: []*corev1.Pod{pod("w", "", "kured", "1", func(p *corev1.Pod) {
					p.OwnerReferences[0].Kind = "DaemonSet"
					p.Spec.NodeSelector = map[string]string{corev1.LabelHostname: "a"}
				})},
			},
			leaving: []string{"a"}, want: []Verdict{Fits},
		},
		{
			name: "a pending pod without a place today is not held against it",
			cluster: Cluster{
				Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4")}, Pods: []*corev1.Pod{pod("p", "a", "web", "1")}, Pending: []*corev1.Pod{pod("w", "", "late", "20")},
			},
			leaving: []string{"a"}, want: []Verdict{Fits},
		},
		{
			name:    "a node that has left already",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4")}},
			leaving: []string{"gone"}, want: []Verdict{Fits},
		},
		{
			name: "ports",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4")}, Pods: []*corev1.Pod{
				pod("p", "a", "web", "1", hostPort), pod("q", "b", "web", "1", hostPort),
			}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "node(s) didn't have free ports for the requested pod ports",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			verdicts(t, place(t, test.cluster, Options{}, test.leaving...), test.want, test.blocked)
		})
	}
}

// verdicts compares moves with what is wanted, and wants a reason among those of the
// pods that have no place.
func verdicts(t *testing.T, got *Placement, want []Verdict, reason string) {
	t.Helper()
	found := reason == ""
	for i, m := range got.Moves {
		if m.Verdict != want[i] {
			t.Errorf("%s: %s, want %s (%+v)", m.Node, m.Verdict, want[i], m.Blocked)
		}
		if (m.Blocked == nil) != (m.Verdict == Fits) || (m.To == nil) != (m.Verdict == NoPlace) {
			t.Errorf("%s: %s, to %v, and blocked is %v", m.Node, m.Verdict, m.To, m.Blocked)
		}
		if m.Blocked != nil {
			found = found || slices.ContainsFunc(m.Blocked.Reasons, func(r Reason) bool { return r.Message == reason })
		}
	}
	if !found {
		t.Errorf("nothing says %q: %+v", reason, got.Moves[0].Blocked)
	}
}

func tainted(n *corev1.Node) *corev1.Node {
	n.Spec.Taints = []corev1.Taint{{Key: "only", Effect: corev1.TaintEffectNoSchedule}}
	return n
}

func hostPort(p *corev1.Pod) {
	p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80, Protocol: corev1.ProtocolTCP}}
}

// TestNothingIsLeftBehind compares what is known of a cluster before and after nodes
// were let leave in every way.
func TestNothingIsLeftBehind(t *testing.T) {
	for seed := range uint64(30) {
		c := anyCluster(rand.New(rand.NewPCG(seed, 1)))
		e, err := New(t.Context(), c, Options{Reserve: true})
		if err != nil {
			t.Fatal(err)
		}
		var leaving []Leaving
		for _, n := range c.Nodes[:len(c.Nodes)/2] {
			l := Leaving{Node: n.Name}
			for _, p := range c.Pods {
				if p.Spec.NodeName == n.Name {
					l.Pods = append(l.Pods, p)
				}
			}
			leaving = append(leaving, l)
		}
		before := known(e)
		if _, err := e.Place(t.Context(), leaving); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, known(e)); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

// known is all that is known of a cluster that can change.
func known(e *Engine) map[string]string {
	out := map[string]string{"claims": fmt.Sprint(e.state.claims), "open": fmt.Sprint(e.state.open)}
	for _, n := range e.state.nodes {
		var pods []string
		for _, p := range n.GetPods() {
			pods = append(pods, p.GetPod().Name)
		}
		slices.Sort(pods)
		out[n.Node().Name] = fmt.Sprint(pods, n.GetRequested(), n.GetNonZeroRequested(), n.GetUsedPorts(), n.Node().Spec, len(n.GetPodsWithAffinity()), len(n.GetPodsWithRequiredAntiAffinity()))
	}
	for key, k := range e.state.kinds.byKey {
		out[key] = fmt.Sprint(k.on)
	}
	return out
}

func TestNotModelled(t *testing.T) {
	everywhere := func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} }
	ours := func(kind string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.OwnerReferences[0].Kind = kind; everywhere(p) }
	}
	own := func(p *corev1.Pod) { p.Spec.SchedulerName = "own" }
	cordoned := func(p *corev1.Pod) {
		p.Spec.Tolerations = []corev1.Toleration{{Key: corev1.TaintNodeUnschedulable, Operator: corev1.TolerationOpExists}}
	}
	c := Cluster{Nodes: []*corev1.Node{node("a", "z1", "9")}, Pods: []*corev1.Pod{
		pod("p", "a", "web", "1", everywhere), pod("q", "a", "agent", "1", ours("DaemonSet")), pod("r", "a", "db", "1", cordoned), pod("1", "a", "x", "1", own), pod("2", "a", "x", "1", own), pod("3", "a", "x", "1", own), pod("4", "a", "x", "1", own),
		pod("d", "a", "y", "1", func(p *corev1.Pod) { p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu"}} }),
	}}
	e, err := New(t.Context(), c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"preemption: a pod of higher priority may displace others",
		"dynamic resources, of which these pods have claims: shop/d",
		"other schedulers, which may decide otherwise about these pods: shop/1, shop/2, shop/3 and 1 more",
		"every taint is tolerated by these pods, which may come back to a node that leaves: shop/p",
		"a scheduler's own profile, extenders and plugins: the default ones are taken",
	}
	if diff := cmp.Diff(want, e.NotModelled()); diff != "" {
		t.Error(diff)
	}
}

func TestReserve(t *testing.T) {
	c := Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4"), node("c", "z1", "5")}, Pods: []*corev1.Pod{
		pod("p", "a", "web", "1"), pod("q", "b", "web", "3"), pod("r", "c", "web", "1"),
	}}
	if got := place(t, c, Options{Reserve: true}, "a"); got.Moves[0].Verdict != Fits || got.Reserve != nil {
		t.Errorf("with room for b's pods: %+v", got)
	}
	c.Pods = append(c.Pods, pod("s", "c", "web", "1"))
	if got := place(t, c, Options{Reserve: true}, "a"); got.Moves[0].Verdict != Fits || got.Reserve == nil || got.Reserve.Pod != "q" {
		t.Errorf("b's pods have no places once a is gone: %+v", got)
	}
	if got := place(t, c, Options{}, "a"); got.Reserve != nil {
		t.Errorf("nobody asked for a reserve: %+v", got.Reserve)
	}
}

func replicaSet(app string) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: app, Namespace: "shop", UID: types.UID(app)},
		Spec:       appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
	}
}
