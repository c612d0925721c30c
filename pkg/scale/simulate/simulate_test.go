package simulate

import (
	"fmt"
	"reflect"
	"testing"

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
			name: "ports",
			cluster: Cluster{Nodes: []*corev1.Node{node("a", "z1", "4"), node("b", "z1", "4")}, Pods: []*corev1.Pod{
				pod("p", "a", "web", "1", hostPort), pod("q", "b", "web", "1", hostPort),
			}},
			leaving: []string{"a"}, want: []Verdict{NoPlace}, blocked: "node(s) didn't have free ports for the requested pod ports",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := place(t, test.cluster, Options{}, test.leaving...)
			for i, m := range got.Moves {
				if m.Verdict != test.want[i] {
					t.Errorf("%s: %s, want %s (%+v)", m.Node, m.Verdict, test.want[i], m.Blocked)
				}
				if (m.Blocked == nil) != (m.Verdict == Fits) {
					t.Errorf("%s: %s, and blocked is %v", m.Node, m.Verdict, m.Blocked)
				}
			}
			if test.blocked == "" {
				return
			}
			for _, m := range got.Moves {
				if m.Blocked != nil {
					for _, r := range m.Blocked.Reasons {
						if r.Message == test.blocked {
							return
						}
					}
					t.Fatalf("the reasons are %+v, want %q among them", m.Blocked.Reasons, test.blocked)
				}
			}
		})
	}
}

func hostPort(p *corev1.Pod) {
	p.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80, Protocol: corev1.ProtocolTCP}}
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

// many is a cluster of n nodes in three zones that are half full: pods of eight
// sizes, of ReplicaSets of 30.
func many(nodes, pods int, change ...func(*corev1.Pod)) Cluster {
	var c Cluster
	for i := range nodes {
		name := fmt.Sprintf("n-%04d", i)
		c.Nodes = append(c.Nodes, node(name, fmt.Sprintf("z%d", i%3), "60"))
		for k := range pods {
			app := fmt.Sprintf("app-%d", (i*pods+k)%(nodes*pods/30))
			c.Pods = append(c.Pods, pod(fmt.Sprintf("p-%d-%d", i, k), name, app, fmt.Sprintf("%dm", 550+100*(k%8)), change...))
		}
	}
	for i := range nodes * pods / 30 {
		c.ReplicaSets = append(c.ReplicaSets, replicaSet(fmt.Sprintf("app-%d", i)))
	}
	return c
}

func replicaSet(app string) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: app, Namespace: "shop", UID: types.UID(app)},
		Spec:       appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
	}
}

func benchmark(b *testing.B, c Cluster, leave int) {
	b.Helper()
	names := make([]string, leave)
	by := map[string][]*corev1.Pod{}
	for _, p := range c.Pods {
		by[p.Spec.NodeName] = append(by[p.Spec.NodeName], p)
	}
	var leaving []Leaving
	for i := range names {
		leaving = append(leaving, Leaving{Node: c.Nodes[i].Name, Pods: by[c.Nodes[i].Name]})
	}
	e, err := New(b.Context(), c, Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p, err := e.Place(b.Context(), leaving)
		if err != nil {
			b.Fatal(err)
		}
		for _, m := range p.Moves {
			if m.Verdict == NoPlace {
				b.Fatalf("%+v", m.Blocked)
			}
		}
	}
}

func BenchmarkPlace(b *testing.B) {
	b.Run("1000x30/remove=100", func(b *testing.B) { benchmark(b, many(1000, 30), 100) })
	b.Run("1000x30/remove=100/spread", func(b *testing.B) { benchmark(b, many(1000, 30, evenly), 100) })
	b.Run("5000x30/remove=500", func(b *testing.B) { benchmark(b, many(5000, 30), 500) })
}
