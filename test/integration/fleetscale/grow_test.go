package fleetscale_test

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
)

// A node that comes counts when it takes pods: without the taint that it starts with,
// and with the agents that belong on it. Whoever goes on with a run that was
// interrupted does not add it once more.
func TestUp(t *testing.T) {
	e := newEstate(t, "c1", 2)
	program := estates.NewProgram(t, "")
	e.agent(t)
	patch := func(text string) {
		t.Helper()
		if _, err := e.Client.CoreV1().Nodes().Patch(t.Context(), e.Node(2), types.MergePatchType, []byte(text), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	up := []string{"up", "-C", e.Cluster, "--pool", e.Name, "--count", "1", "--add-with", "hook=" + program.Path, "--yes"}
	resume := []string{"resume", "-C", e.Cluster}

	e.run(t, append(up, "--dry-run=server", "-o", "json")...).want(t, 0).says(t, `"from": 2`, `"to": 3`)
	e.interrupt(t, "1 of 1 new nodes have not come", up...).want(t, 130)
	e.run(t, "status", "-C", e.Cluster).want(t, 0).says(t, "Paused", "2 -> 3", "it was interrupted")
	e.run(t, up...).want(t, 5).says(t, "has not come to its end")

	e.Add(t, 2, corev1.Taint{Key: "example.com/agent-not-ready", Effect: corev1.TaintEffectNoSchedule})
	e.interrupt(t, "taint example.com/agent-not-ready:NoSchedule", resume...).want(t, 130)
	patch(`{"spec": {"unschedulable": true, "taints": [{"key": "only", "value": "` + e.Name + `", "effect": "NoSchedule"}]}}`)
	e.interrupt(t, e.Node(2)+": it is cordoned", resume...).want(t, 130)
	patch(`{"spec": {"unschedulable": false}, "metadata": {"labels": {"agent": "yes"}}}`)
	e.interrupt(t, "DaemonSet "+e.Name+"/agent has no Ready pod on it", resume...).want(t, 130)
	e.run(t, resume...).want(t, 0).says(t, e.Node(2)+": joined")

	if told := program.Told(t); program.Times(t, "add") != 1 || !strings.Contains(told[0], `"from":2,"to":3`) {
		t.Errorf("it was told %q", told)
	}
}

// agent makes a DaemonSet that belongs on those nodes of the estate that are
// labelled for it, and whose pods take a while to become Ready.
func (e *estate) agent(t *testing.T) {
	t.Helper()
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "agent"}, Annotations: map[string]string{}}, Spec: e.PodSpec()}
	template.Spec.NodeSelector = map[string]string{"agent": "yes", "kubectl-fleet.io/pool": e.Name}
	estates.Slow(3 * time.Second)(&template)
	agent := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "agent"}, Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template}}
	if _, err := e.Client.AppsV1().DaemonSets(e.Name).Create(t.Context(), agent, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// set lets nodes leave that are too many, by the program that keeps them, and none
// when there are as many as there should be.
func TestSet(t *testing.T) {
	e := newEstate(t, "c1", 3)
	e.Workload(t, "web", 3, estates.AtLeast(2))
	watcher := e.Watch(t, map[string]int{"web": 2})
	program := estates.NewProgram(t, "")
	set := e.here("set", "--workers", "2", "--remove-with", "hook="+program.Path, "--yes")

	e.run(t, append(set, "--pool", "nobody")...).want(t, 5).says(t, `no pool "nobody"`, e.Name)
	e.run(t, append(set, "--dry-run=server")...).want(t, 0).says(t, "1 can go")
	e.run(t, set...).want(t, 0).says(t, "Removed")
	if left := len(e.Nodes(t)); left != 2 {
		t.Errorf("%d nodes are left", left)
	}
	e.run(t, set...).want(t, 0).says(t, "every pool has that count")
	if program.Times(t, "remove") != 1 {
		t.Errorf("it was told %q", program.Told(t))
	}
	watcher.Kept(t)
}
