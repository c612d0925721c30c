package candidate

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant, but for Go

// worker is a node of 4 CPU that is so many hours old.
func worker(name string, hours int, change ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(noon.Add(-time.Duration(hours) * time.Hour)), Labels: map[string]string{}, Annotations: map[string]string{}},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("4Gi")},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, c := range change {
		c(n)
	}
	return n
}

// running is a Ready pod on a node that somebody keeps, and that asks for so much CPU.
func running(name, node, cpu string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web"}, Annotations: map[string]string{},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "rs", Controller: new(true)}},
		},
		Spec:   corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func namesOf(candidates []Candidate) []string {
	var names []string
	for _, c := range candidates {
		names = append(names, c.Node.Name)
	}
	return names
}

// Which nodes may leave, and which comes first: one that is not Ready, then empty ones,
// then as was asked for; last one that needs more of a budget than it allows.
func TestSort(t *testing.T) {
	t.Parallel()
	sick := func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown }
	in := &snapshot.Snapshot{
		Nodes: []*corev1.Node{
			worker("full", 30), worker("half", 20), worker("dear", 25), worker("empty", 10), worker("sick", 1, sick), worker("risky", 40),
		},
		Pods: []*corev1.Pod{
			running("f", "full", "4"), running("h", "half", "2"), running("s", "sick", "3"),
			running("d", "dear", "3", func(p *corev1.Pod) { p.Annotations[corev1.PodDeletionCost] = "1000000000" }),
			running("r1", "risky", "10m", func(p *corev1.Pod) { p.Labels["app"] = "db" }), running("r2", "risky", "10m", func(p *corev1.Pod) { p.Labels["app"] = "db" }),
		},
		Budgets: []*policyv1.PodDisruptionBudget{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db", UID: "b"}, Spec: policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}},
			Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: 1, CurrentHealthy: 3, DesiredHealthy: 2, ExpectedPods: 3},
		}},
	}
	in.Indexed()
	for by, want := range map[By][]string{
		ByUtilization: {"sick", "empty", "half", "dear", "full", "risky"},
		ByAge:         {"sick", "empty", "full", "dear", "half", "risky"},
		ByCost:        {"sick", "empty", "full", "half", "dear", "risky"},
		ByEmpty:       {"empty"},
	} {
		t.Run(string(by), func(t *testing.T) {
			t.Parallel()
			f := Policy{By: by, Now: noon}.Sort(in, budget.NewIndex(in.Budgets))
			if got := namesOf(f.Candidates); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// What is not a worker, or somebody else is about, is passed over with the reason; of
// one that was asked for by its name that is a blocker.
func TestPasses(t *testing.T) {
	t.Parallel()
	const ours = "kubectl-fleet.io/scale"
	annotated := func(key, value string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Annotations[key] = value }
	}
	tainted := func(key string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: key, Effect: corev1.TaintEffectNoSchedule}} }
	}
	for name, test := range map[string]struct {
		change []func(*corev1.Node)
		why    string // "": it may leave
	}{
		"a worker":                         {nil, ""},
		"of the control plane":             {[]func(*corev1.Node){func(n *corev1.Node) { n.Labels["node-role.kubernetes.io/control-plane"] = "" }}, "control plane"},
		"of the control plane, by a taint": {[]func(*corev1.Node){tainted("node-role.kubernetes.io/control-plane")}, "control plane"},
		"being deleted":                    {[]func(*corev1.Node){func(n *corev1.Node) { n.DeletionTimestamp = new(metav1.NewTime(noon)) }}, "being deleted"},
		"kept from Cluster Autoscaler":     {[]func(*corev1.Node){annotated("cluster-autoscaler.kubernetes.io/scale-down-disabled", "true")}, "scale-down-disabled"},
		"kept from Karpenter":              {[]func(*corev1.Node){annotated("karpenter.sh/do-not-disrupt", "true")}, "do-not-disrupt"},
		"being removed by an autoscaler":   {[]func(*corev1.Node){tainted("ToBeDeletedByClusterAutoscaler")}, "autoscaler"},
		"being disrupted by Karpenter":     {[]func(*corev1.Node){tainted("karpenter.sh/disrupted")}, "autoscaler"},
		"out of service":                   {[]func(*corev1.Node){tainted("node.kubernetes.io/out-of-service")}, "out-of-service"},
		"cordoned by somebody else":        {[]func(*corev1.Node){func(n *corev1.Node) { n.Spec.Unschedulable = true }}, "somebody else has cordoned it"},
		"cordoned by us":                   {[]func(*corev1.Node){func(n *corev1.Node) { n.Spec.Unschedulable = true }, annotated(ours, "run,unschedulable")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := (&snapshot.Snapshot{Nodes: []*corev1.Node{worker("n1", 5, test.change...)}}).Indexed()
			all := Policy{Now: noon, Ours: ours, By: ByAge, MinAge: time.Hour}.Sort(in, budget.NewIndex(nil))
			named := Policy{Now: noon, Ours: ours, By: ByAge, Names: []string{"n1"}}.Sort(in, budget.NewIndex(nil))
			if test.why == "" {
				if len(all.Candidates) != 1 || len(named.Candidates) != 1 {
					t.Errorf("it cannot leave: %+v, %+v", all.Passed, named.Blocked)
				}
				return
			}
			if len(all.Passed) != 1 || !strings.Contains(all.Passed[0].Why, test.why) {
				t.Errorf("passed %+v, want %q", all.Passed, test.why)
			}
			if len(named.Blocked) != 1 || !strings.Contains(named.Blocked[0].Blockers[0].Message, test.why) {
				t.Errorf("blocked %+v, want %q", named.Blocked, test.why)
			}
		})
	}
	young := (&snapshot.Snapshot{Nodes: []*corev1.Node{worker("n1", 1)}}).Indexed()
	if f := (Policy{Now: noon, By: ByAge, MinAge: 2 * time.Hour}).Sort(young, budget.NewIndex(nil)); len(f.Passed) != 1 {
		t.Errorf("a node that is too young: %+v", f)
	}
	if f := (Policy{Now: noon, By: ByAge, MinAge: 2 * time.Hour, Names: []string{"n1"}}).Sort(young, budget.NewIndex(nil)); len(f.Candidates) != 1 {
		t.Errorf("one that was asked for by its name: %+v", f)
	}
}

// What becomes of a pod whose node leaves, without and with the flags that say more.
func TestFates(t *testing.T) {
	t.Parallel()
	owned := func(kind string, uid types.UID) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.OwnerReferences[0].Kind, p.OwnerReferences[0].UID = kind, uid }
	}
	alone := func(p *corev1.Pod) { p.OwnerReferences = nil }
	scratch := func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	}
	says := func(key, value string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Annotations[key] = value } }
	label := func(value string) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Labels["cluster.x-k8s.io/drain"] = value }
	}
	ended := func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }
	in := (&snapshot.Snapshot{DaemonSets: nil}).Indexed()
	for name, test := range map[string]struct {
		change []func(*corev1.Pod)
		fate   Fate
		reason string
		forced Fate // with --force and --delete-emptydir-data
	}{
		"one that a controller keeps":           {nil, Moves, "", Moves},
		"a static one":                          {[]func(*corev1.Pod){says(corev1.MirrorPodAnnotationKey, "x")}, Stays, "", Stays},
		"of a DaemonSet that is gone":           {[]func(*corev1.Pod){owned("DaemonSet", "gone")}, Keeps, "NoController", Ends},
		"nobody's":                              {[]func(*corev1.Pod){alone}, Keeps, "NoController", Ends},
		"nobody's, and it has ended":            {[]func(*corev1.Pod){alone, ended}, Ends, "", Ends},
		"with data that are lost":               {[]func(*corev1.Pod){scratch}, Keeps, "EmptyDir", Moves},
		"with data that are lost, and nobody's": {[]func(*corev1.Pod){scratch, alone}, Keeps, "NoController", Ends},
		"not safe to evict":                     {[]func(*corev1.Pod){says("cluster-autoscaler.kubernetes.io/safe-to-evict", "false")}, Keeps, "NotSafeToEvict", Keeps},
		"not to be disrupted":                   {[]func(*corev1.Pod){says("karpenter.sh/do-not-disrupt", "true")}, Keeps, "DoNotDisrupt", Keeps},
		"one that ends by itself":               {[]func(*corev1.Pod){label("wait-completed")}, Keeps, "WaitCompleted", Keeps},
		"one that may be lost with the machine": {[]func(*corev1.Pod){label("skip")}, Stays, "", Stays},
		"leaving already":                       {[]func(*corev1.Pod){func(p *corev1.Pod) { p.DeletionTimestamp = new(metav1.NewTime(noon)) }}, Leaves, "", Leaves},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := running("p", "n1", "1", test.change...)
			fate, blocker := FateOf(p, in, budget.NewIndex(nil), PodRules{})
			if fate != test.fate || blocker.Reason != test.reason || fate == Keeps && blocker.Fix == "" {
				t.Errorf("fate %d, %+v; want %d, %q", fate, blocker, test.fate, test.reason)
			}
			if fate, _ := FateOf(p, in, budget.NewIndex(nil), PodRules{Force: true, DeleteEmptyDirData: true}); fate != test.forced {
				t.Errorf("forced: fate %d, want %d", fate, test.forced)
			}
		})
	}
}
