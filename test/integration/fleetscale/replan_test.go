package fleetscale_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
)

// A plan of a file is planned afresh at each wave: a node that must not leave any more is
// left out, for good, and none comes in its place, however well it would do.
func TestPlanFileNeverWidens(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "c1", 6)
	e.Workload(t, "web", 10, estates.AtLeast(9))
	e.Stall(t, "web") // so that the first wave waits until the test is ready
	file := filepath.Join(t.TempDir(), "plan.yaml")
	plan := e.run(t, "plan", "-C", e.Cluster, "--nodes", strings.Join(e.well(t, "web")[:3], ","), "--parallel", "1", "--reserve=false", "--keep-nodes", "-o", "yaml").want(t, 0)
	if err := os.WriteFile(file, []byte(plan.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	leaving := planned(t, plan.stdout)
	before := e.pods(t)
	disable := func(node, value string) {
		patch := []byte(`{"metadata":{"annotations":{"cluster-autoscaler.kubernetes.io/scale-down-disabled":` + value + `}}}`)
		if _, err := e.Client.CoreV1().Nodes().Patch(t.Context(), node, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	down := e.begin(t, "budget "+e.Name+"/web", "down", "--plan", file, "-C", e.Cluster, "--settle", "2s", "--state-namespace", e.Name, "--yes")
	disable(leaving[1], `"true"`)
	e.Add(t, 6) // and it is empty: by any policy it would be the first to leave
	e.Unstall(t, "web")
	down.says(t, "wave 3/3")
	disable(leaving[1], "null")
	down.ctrlC(t)
	down.ends().want(t, 130)
	e.resume(t).want(t, 3).says(t, "Kept", "scale-down-disabled")

	for node, cordoned := range e.Nodes(t) {
		if leaves := node == leaving[0] || node == leaving[2]; cordoned != leaves {
			t.Errorf("node %s is cordoned: %t, want %t", node, cordoned, leaves)
		}
	}
	after := e.pods(t)
	for uid, node := range before {
		if leaves := node == leaving[0] || node == leaving[2]; (after[uid] == "") != leaves {
			t.Errorf("a pod of node %s is now on %q", node, after[uid])
		}
	}
}

// planned are the nodes of a plan of one cluster, in the order of their waves.
func planned(t *testing.T, text string) []string {
	t.Helper()
	var list struct{ Items []v1alpha1.ScalePlan }
	if err := yaml.Unmarshal([]byte(text), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	var names []string
	for i, n := range list.Items[0].Nodes {
		if n.Wave != i+1 {
			t.Fatalf("node %s is in wave %d", n.Name, n.Wave)
		}
		names = append(names, n.Name)
	}
	return names
}

// pods are the nodes of the estate's pods, by UID.
func (e *estate) pods(t *testing.T) map[types.UID]string {
	t.Helper()
	list, err := e.Client.CoreV1().Pods(e.Name).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	on := map[types.UID]string{}
	for i := range list.Items {
		if p := &list.Items[i]; p.DeletionTimestamp == nil {
			on[p.UID] = p.Spec.NodeName
		}
	}
	return on
}

// well are the nodes that have pods of an app, all of them Ready.
func (e *estate) well(t *testing.T, app string) []string {
	t.Helper()
	list, err := e.Client.CoreV1().Pods(e.Name).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		t.Fatal(err)
	}
	ready := map[string]bool{}
	for i := range list.Items {
		p := &list.Items[i]
		is := false
		for _, c := range p.Status.Conditions {
			is = is || c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}
		before, seen := ready[p.Spec.NodeName]
		ready[p.Spec.NodeName] = is && (before || !seen)
	}
	var nodes []string
	for i := range len(e.Nodes(t)) {
		if ready[e.Node(i)] {
			nodes = append(nodes, e.Node(i))
		}
	}
	return nodes
}
