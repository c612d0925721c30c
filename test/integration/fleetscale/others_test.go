package fleetscale_test

import (
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
)

// maintenances is the type of the Node Maintenance Operator, as its definition has it.
func (e *estate) maintenances(t *testing.T) dynamic.ResourceInterface {
	t.Helper()
	text := map[string]any{"type": "string"}
	return estates.Define(t, e.Fleet.RESTConfig(t, e.Cluster), estates.Type{
		Kind: "NodeMaintenance", Group: "nodemaintenance.medik8s.io", Version: "v1beta1",
		Spec: map[string]any{"type": "object", "required": []any{"nodeName"}, "properties": map[string]any{"nodeName": text, "reason": text}},
	})
}

// maintain is what somebody does who wants a node to be drained by that operator.
func maintain(t *testing.T, maintenances dynamic.ResourceInterface, node string) {
	t.Helper()
	estates.Put(t, maintenances, map[string]any{
		"apiVersion": "nodemaintenance.medik8s.io/v1beta1", "kind": "NodeMaintenance", "metadata": map[string]any{"name": "for-" + node},
		"spec": map[string]any{"nodeName": node, "reason": "a new disk"},
	})
}

// Who else drains and reboots nodes is named with what ends that. When he is done they
// may leave.
func TestOthersAtWork(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "c1", 5)
	maintenances := e.maintenances(t)
	maintain(t, maintenances, e.Node(1))
	kured := &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "kured", Annotations: map[string]string{"weave.works/kured-node-lock": `{"nodeID":"` + e.Node(0) + `","metadata":{"unschedulable":false},"created":"2026-01-01T00:00:00Z","TTL":0}`}},
		Spec: appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "kured"}}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "kured"}}, Spec: e.PodSpec(),
		}},
	}
	if _, err := e.Client.AppsV1().DaemonSets(e.Name).Create(t.Context(), kured, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	annotate := func(node, annotation, value string) {
		patch := `{"metadata":{"annotations":{"` + annotation + `":` + value + `}}}`
		if _, err := e.Client.CoreV1().Nodes().Patch(t.Context(), node, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	annotate(e.Node(2), "machineconfiguration.openshift.io/state", `"Working"`)
	annotate(e.Node(3), "weave.works/kured-reboot-in-progress", `"2026-01-01T00:00:00Z"`)

	plan := e.here("plan", "--keep-nodes", "--count", "5")
	e.run(t, plan...).want(t, 3).says(t, "1 of 5 nodes can leave",
		e.Node(0)+": DaemonSet "+e.Name+"/kured: kured has its lock for it", "kubectl annotate daemonset -n "+e.Name+" kured weave.works/kured-node-lock-",
		e.Node(1)+": NodeMaintenance for-"+e.Node(1)+": it is in maintenance: a new disk: kubectl delete nodemaintenance for-"+e.Node(1),
		e.Node(2)+": the Machine Config Operator is at work on it, and Working", e.Node(3)+": kured is about to reboot it")
	e.run(t, e.here("plan", "--keep-nodes", "--nodes", e.Node(1), "-o", "json")...).want(t, 5).says(t, `"reason": "NodeMaintenance"`, `"fix": "kubectl delete nodemaintenance for-`+e.Node(1))

	if err := maintenances.Delete(t.Context(), "for-"+e.Node(1), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	patch := []byte(`{"metadata":{"annotations":{"weave.works/kured-node-lock":null}}}`)
	if _, err := e.Client.AppsV1().DaemonSets(e.Name).Patch(t.Context(), "kured", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	annotate(e.Node(2), "machineconfiguration.openshift.io/state", `"Done"`)
	annotate(e.Node(3), "weave.works/kured-reboot-in-progress", "null")
	e.run(t, plan...).want(t, 0).says(t, "5 can go")

	// Who may not read who is in maintenance is told so.
	forbidden := says(http.StatusForbidden, metav1.StatusReasonForbidden, "nodemaintenances is forbidden", nil)
	e.before(t, &fault{on: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/nodemaintenances") }, answer: forbidden})
	e.run(t, plan...).want(t, 0).says(t, "not modelled: nodes in maintenance are known by their cordons alone")
}

// Somebody wants a node of a later wave drained: it is his, and stays.
func TestMaintenanceBetweenWaves(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "c1", 4)
	e.Workload(t, "web", 4, estates.AtLeast(3))
	maintenances := e.maintenances(t)
	w := e.Watch(t, map[string]int{"web": 3})
	r := e.begin(t, "c1: wave 1/2", e.leave(e.Node(0), e.Node(1))...)
	maintain(t, maintenances, e.Node(1))
	r.ends().want(t, 3).says(t, "Removed", "Kept", "it is in maintenance: a new disk")
	w.Kept(t)
	e.Untouched(t, 3)
}
