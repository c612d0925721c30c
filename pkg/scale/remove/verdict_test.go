package remove

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// node is one of the fake's cluster, of a Machine.
func node(machine string, annotations ...string) *corev1.Node {
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n-" + machine, Annotations: map[string]string{machineOf: machine, clusterOf: "c1", namespaceOf: "capi"}},
		Spec:       corev1.NodeSpec{ProviderID: "kwok://" + machine},
	}
	for i := 0; i < len(annotations); i += 2 {
		n.Annotations[annotations[i]] = annotations[i+1]
	}
	return n
}

// What keeps a Machine is found out from both sides, and what keeps it from going.
func TestVerdicts(t *testing.T) {
	set := func(path string, fields ...string) func(f *fake) {
		return func(f *fake) {
			merge(f.objects[space+path], map[string]any{"metadata": map[string]any{fields[0]: map[string]any{fields[1]: fields[2]}}})
		}
	}
	elsewhere := node("c")
	elsewhere.Spec.ProviderID = "kwok://another"
	for name, test := range map[string]struct {
		change func(f *fake)
		node   *corev1.Node
		want   string // a reason, or a kind of owner
	}{
		"plain":               {node: node("c"), want: kindDeployment},
		"without annotations": {node: &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n-c"}}},
		"another machine":     {node: elsewhere, want: "NotItsMachine"},
		"no such machine":     {node: node("x"), want: "NotItsMachine"},
		"no such cluster":     {node: node("c", clusterOf, "c9"), want: "NoManagement"},
		"of a machine pool":   {node: node("c", machineOf, "", ownerKindOf, kindPool, ownerNameOf, "mp"), want: "NoMachines"},
		"control plane":       {change: set("machines/c", "labels", controlPlaneLabel, ""), node: node("c"), want: "ControlPlane"},
		"paused machine":      {change: set("machines/c", "annotations", pausedBy, ""), node: node("c"), want: "Paused"},
		"paused set":          {change: set("machinesets/ms", "annotations", pausedBy, ""), node: node("c"), want: "Paused"},
		"paused cluster":      {change: set("clusters/c1", "annotations", pausedBy, ""), node: node("c"), want: "Paused"},
		"marked":              {change: set("machines/c", "annotations", deleteMachine, "true"), node: node("c"), want: "ForeignMark"},
		"another is marked":   {change: set("machines/a", "annotations", deleteMachine, "true"), node: node("c"), want: "ForeignMark"},
		"going":               {change: func(f *fake) { f.goes("c") }, node: node("c"), want: "Deleting"},
		"another goes":        {change: func(f *fake) { f.goes("a") }, node: node("c"), want: "Deleting"},
		"maximum":             {change: set("machinedeployments/md", "annotations", maxSize, "9"), node: node("c"), want: "Autoscaler"},
		"rollout": {change: func(f *fake) {
			f.put(space+"machinesets/old", owned(map[string]any{"kind": "MachineSet", "spec": map[string]any{"replicas": int64(1)}}, "MachineDeployment", "md"))
		}, node: node("c"), want: "Rollout"},
		"set alone": {change: func(f *fake) {
			delete(f.objects[space+"machinesets/ms"]["metadata"].(map[string]any), "ownerReferences")
		}, node: node("c"), want: kindSet},
		"machine alone": {change: func(f *fake) { delete(f.objects[space+"machines/c"]["metadata"].(map[string]any), "ownerReferences") }, node: node("c"), want: kindMachine},
		"kept by another": {change: func(f *fake) {
			owned(f.objects[space+"machines/c"], "KubeadmControlPlane", "kcp")
			f.put(space+"machines/c", f.objects[space+"machines/c"])
		}, node: node("c"), want: "UnknownOwner"},
	} {
		t.Run(name, func(t *testing.T) {
			f, m := newFake(t)
			if test.change != nil {
				test.change(f)
			}
			c, err := (&ClusterAPI{Member: m, Management: m}).Claim(t.Context(), []*corev1.Node{test.node})
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Blocked[test.node.Name].Reason + c.Owners[test.node.Name].Kind; got != test.want {
				t.Errorf("%q, want %q (%+v)", got, test.want, c)
			}
		})
	}
}

// A Machine that nothing keeps is deleted, and nothing puts it back.
func TestMachineAlone(t *testing.T) {
	f, m := newFake(t)
	delete(f.objects[space+"machines/c"]["metadata"].(map[string]any), "ownerReferences")
	r := &ClusterAPI{Member: m, Management: m}
	steps, err := r.Begin(t.Context(), []Node{{Name: "n-c", UID: "uid-n-c"}})
	if err != nil || len(steps) != 1 || steps[0].Owner.Kind != kindMachine || steps[0].From != 0 {
		t.Fatalf("steps: %+v, %v", steps, err)
	}
	for range 2 { // the second time it is done
		if err := r.Remove(t.Context(), steps[0]); err != nil {
			t.Fatal(err)
		}
	}
	if p, err := r.Confirm(t.Context(), steps[0]); err != nil || p.Gone || p.Waiting == "" {
		t.Errorf("with its node: %+v, %v", p, err)
	}
	f.mu.Lock()
	delete(f.objects, "/api/v1/nodes/n-c")
	f.mu.Unlock()
	if p, err := r.Confirm(t.Context(), steps[0]); err != nil || !p.Gone {
		t.Errorf("without: %+v, %v", p, err)
	}
	f.want(t, 3)
}
