package fleetscale_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
)

// Two of five nodes leave, although the budget allows one pod at a time, and pods
// take a while to become Ready.
func TestDown(t *testing.T) {
	e := newEstate(t, "c1", 5)
	e.Workload(t, "web", 8, estates.AtLeast(7), estates.Slow(300*time.Millisecond))
	w := e.Watch(t, map[string]int{"web": 7})

	got := e.run(t, gone(e.here("down", "--count", "2"))...).want(t, 0)
	w.Kept(t)
	if left := e.Nodes(t); len(left) != 3 {
		t.Errorf("%v are left, want three nodes", left)
	}
	e.Untouched(t, 3)
	e.run(t, "status", "-C", "c1").want(t, 0).says(t, "Done", "Removed")
	if strings.Count(got.stdout, "Removed") != 2 {
		t.Errorf("the result is\n%s", got.stdout)
	}
	e.run(t, "resume", "-C", "c1").want(t, 0).says(t, "nothing to go on with")
}

// What can never go is known before the first cordon, with the object that says no
// and what would mend it.
func TestBlocked(t *testing.T) {
	e := newEstate(t, "c1", 6)
	on := func(i int) func(*corev1.PodTemplateSpec) {
		return func(p *corev1.PodTemplateSpec) { p.Spec.NodeSelector[corev1.LabelHostname] = e.Node(i) }
	}
	e.Workload(t, "single", 1, estates.AtLeast(1), on(0))
	e.Workload(t, "twice", 2, &policyv1.PodDisruptionBudgetSpec{MaxUnavailable: new(intstr.FromInt(1))}, on(1))
	e.Budget(t, "twice-more", policyv1.PodDisruptionBudgetSpec{MaxUnavailable: new(intstr.FromInt(1))}, map[string]string{"app": "twice"})
	e.Workload(t, "scratch", 1, nil, on(2), func(p *corev1.PodTemplateSpec) {
		p.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	})
	e.Workload(t, "careful", 1, nil, on(3), func(p *corev1.PodTemplateSpec) {
		p.Annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] = "false"
	})
	bare := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "bare"}, Spec: e.PodSpec()}
	bare.Spec.NodeName = e.Node(4)
	if _, err := e.Client.CoreV1().Pods(e.Name).Create(t.Context(), bare, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	e.Counted(t, "twice-more")

	names := []string{e.Node(0), e.Node(1), e.Node(2), e.Node(3), e.Node(4)}
	got := e.run(t, e.here("plan", "--keep-nodes", "--nodes", strings.Join(names, ","))...).want(t, 5)
	got.says(t,
		"PodDisruptionBudget "+e.Name+"/single: minAvailable 1 of 1 can never allow it: scale its workload to 2",
		"the API server evicts none under two budgets", "emptyDir is lost: --delete-emptydir-data", "safe-to-evict is false", e.Name+"/bare: nobody makes it anew: --force")
	e.run(t, append(e.here("down", "--keep-nodes", "--nodes", strings.Join(names, ",")), "--yes")...).want(t, 5)
	e.Untouched(t, 6)

	// What blocks for ever is in the list of budgets, and what was asked for by name is in
	// every format.
	e.run(t, "pdb", "-C", "c1", "-n", e.Name).want(t, 0).says(t, "single", "Permanent", "twice-more", "another budget")
	var list struct{ Items []v1alpha1.ScalePlan }
	if err := yaml.Unmarshal([]byte(e.run(t, append(e.here("plan", "--keep-nodes", "--nodes", names[0]), "-o", "yaml")...).stdout), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v: %+v", err, list)
	}
	if b := list.Items[0].Blocked[0].Blockers[0]; b.Reason != "PermanentBudget" {
		t.Errorf("the blocker is %+v", b)
	}

	// Asked to, it takes what is in emptyDir, and pods that nobody makes anew.
	e.run(t, append(e.here("down", "--keep-nodes", "--nodes", names[4], "--force"), "--yes")...).want(t, 0)
	if _, err := e.Client.CoreV1().Pods(e.Name).Get(t.Context(), "bare", metav1.GetOptions{}); !isGone(err) {
		t.Errorf("the pod that was to end is there: %v", err)
	}
}

// Without a place for the pods there is no plan, and the scheduler's reason is said; so
// is how many could leave at most, and what keeps one more.
func TestNoPlace(t *testing.T) {
	e := newEstate(t, "c1", 3)
	e.Workload(t, "web", 9, nil) // 4.5 CPU on nodes of 4
	plan := func(count string) []string { return e.here("plan", "--keep-nodes", "--count", count) }
	e.run(t, plan("1")...).want(t, 0).says(t, "1 can go, and no more: ", "Insufficient cpu")
	e.run(t, plan("2")...).want(t, 3).says(t, "Insufficient cpu", "1 of 2 nodes can leave")
	e.run(t, append(e.here("down", "--keep-nodes", "--count", "2"), "--yes")...).want(t, 5).says(t, "1 of 2 nodes can leave; nothing was changed")
	e.Untouched(t, 3)
}

// Ctrl-C while a budget says no: the nodes are as they were. When it says yes,
// another workstation goes on, and with the same options.
func TestInterruptAndResume(t *testing.T) {
	e := newEstate(t, "c1", 3)
	e.Workload(t, "web", 2, estates.AtLeast(1))
	w := e.Watch(t, map[string]int{"web": 1})
	// A pod that is not Ready uses the budget up.
	e.Stall(t, "web")

	got := e.interrupt(t, "budget "+e.Name+"/web", gone(e.here("down", "--nodes", e.Busy(t, "web")))...)
	got.want(t, 130)
	e.Untouched(t, 3)
	e.run(t, "status", "-C", "c1").want(t, 0).says(t, "Paused", "Waiting")
	e.run(t, gone(e.here("down", "--count", "1"))...).want(t, 5).says(t, "has not come to its end")

	e.Unstall(t, "web")
	e.home = t.TempDir()
	e.run(t, "resume", "-C", "c1").want(t, 0).says(t, "Removed")
	e.Untouched(t, 2)
	w.Kept(t)
}

// A run that was given up leaves nothing behind, and the next may begin.
func TestAbort(t *testing.T) {
	e := newEstate(t, "c1", 3)
	e.Workload(t, "web", 2, estates.AtLeast(1))
	e.Stall(t, "web")
	e.interrupt(t, "budget "+e.Name+"/web", gone(e.here("down", "--nodes", e.Busy(t, "web")))...).want(t, 130)
	e.run(t, "abort", "-C", "c1", "--yes").want(t, 0).says(t, "Aborted", "Kept")
	e.Untouched(t, 3)
	e.run(t, "resume", "-C", "c1").want(t, 0).says(t, "nothing to go on with")

	// Emptied and kept: cordoned, as kubectl drain leaves it, until that is taken back.
	e.Unstall(t, "web")
	node := e.Busy(t, "web")
	e.run(t, append(e.here("down", "--keep-nodes", "--nodes", node), "--yes")...).want(t, 0).says(t, "Drained")
	if !e.Nodes(t)[node] {
		t.Errorf("node %s is not cordoned", node)
	}
	e.run(t, "abort", "-C", "c1", "--undo", "--yes").want(t, 0)
	e.Untouched(t, 3)
}

// The plan of a file is done as it says, or not at all.
func TestPlanFile(t *testing.T) {
	e := newEstate(t, "c1", 4)
	e.Workload(t, "web", 4, estates.AtLeast(2))
	file := filepath.Join(t.TempDir(), "plan.yaml")
	plan := func() {
		got := e.run(t, append(e.here("plan", "--keep-nodes", "--count", "1"), "-o", "yaml")...).want(t, 0)
		if err := os.WriteFile(file, []byte(got.stdout), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plan()
	patch := []byte(`{"spec":{"minAvailable":3}}`)
	if _, err := e.Client.PolicyV1().PodDisruptionBudgets(e.Name).Patch(t.Context(), "web", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	e.Counted(t, "web")
	e.run(t, "down", "--plan", file, "--yes").want(t, 5).says(t, "asks for something else")
	e.Untouched(t, 4)

	plan()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	edited := filepath.Join(t.TempDir(), "edited.yaml")
	if err := os.WriteFile(edited, []byte(strings.Replace(string(text), "wave: 1", "wave: 2", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	e.run(t, "down", "--plan", edited, "--yes").want(t, 2).says(t, "was edited")
	e.run(t, "down", "--plan", file, "--settle", "500ms", "--yes").want(t, 0).says(t, "Drained")
}

// What others do to nodes is respected.
func TestForeignMarks(t *testing.T) {
	e := newEstate(t, "c1", 4)
	e.Workload(t, "web", 2, nil)
	patch := func(node, text string) {
		if _, err := e.Client.CoreV1().Nodes().Patch(t.Context(), node, types.MergePatchType, []byte(text), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	patch(e.Node(0), `{"spec":{"unschedulable":true}}`)
	patch(e.Node(1), `{"metadata":{"annotations":{"cluster-autoscaler.kubernetes.io/scale-down-disabled":"true"}}}`)
	e.run(t, e.here("plan", "--keep-nodes", "--count", "3")...).want(t, 3).says(t, e.Node(0)+": somebody else has cordoned it", e.Node(1)+": annotation", "2 of 3 nodes can leave")
}

// What was moved does not become Ready: the node is not removed, and comes back.
func TestGate(t *testing.T) {
	e := newEstate(t, "c1", 3)
	e.Workload(t, "web", 2, nil)
	w := e.Watch(t, map[string]int{"web": 0})
	node := e.Busy(t, "web")
	// The namespace is full: no pod can be made in the place of one that goes.
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "full"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}}}
	if _, err := e.Client.CoreV1().ResourceQuotas(e.Name).Create(t.Context(), quota, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	estates.Eventually(t, "quota", func() error {
		q, err := e.Client.CoreV1().ResourceQuotas(e.Name).Get(t.Context(), "full", metav1.GetOptions{})
		if err == nil && len(q.Status.Used) == 0 {
			err = errors.New("it is not counted")
		}
		return err
	})
	e.run(t, append(gone(e.here("down", "--nodes", node)), "--timeout", "4s")...).want(t, 4).says(t, "of 2 Ready")
	e.Untouched(t, 3)
	w.Kept(t)
}

// Ctrl-C in the first of two clusters: the second, which has had no turn, remembers
// the run as well, and resume brings both to their end. Unless both can begin,
// neither does.
func TestInterruptAndResumeOverClusters(t *testing.T) {
	one, two := newEstate(t, "c1", 2), newEstate(t, "c2", 2)
	both := []string{"-C", "c1,c2", "--settle", "2s", "--min-age", "0", "--reserve=false"}
	down := gone(append([]string{"down", "--nodes", one.Node(0) + "," + two.Node(0)}, both...))
	other := gone([]string{"down", "-C", "c2", "--nodes", two.Node(1), "--settle", "2s", "--min-age", "0", "--reserve=false"})

	two.interrupt(t, "c2: wave 1/1", other...).want(t, 130)
	one.run(t, down...).want(t, 5).says(t, "has not come to its end", "another cluster was refused")
	one.run(t, "resume", "-C", "c1").want(t, 0).says(t, "there is nothing to go on with")
	two.run(t, "abort", "-C", "c2", "--yes").want(t, 0)

	one.interrupt(t, "c1: wave 1/1", down...).want(t, 130)
	one.run(t, "status", "-C", "c1,c2").want(t, 0).says(t, "it was interrupted", "its turn has not come")
	two.run(t, "resume", "-C", "c1,c2").want(t, 0)
	for _, e := range []*estate{one, two} {
		if nodes := e.Nodes(t); len(nodes) != 1 {
			t.Errorf("%s has nodes %v", e.Cluster, nodes)
		}
	}
}
