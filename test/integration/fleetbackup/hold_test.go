package fleetbackup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/quiesce"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// held is a run over one cluster, by one action.
type held struct {
	quiesce.Run
	member *member.Member
}

// holding is a run of this action in a cluster of its own namespace.
func holding(t *testing.T, m *member.Member, a v1alpha1.QuiesceAction) held {
	t.Helper()
	began := time.Now()
	policy := &v1alpha1.BackupSchedule{Spec: v1alpha1.BackupScheduleSpec{Quiesce: []v1alpha1.QuiesceWave{{Actions: []v1alpha1.QuiesceAction{a}}}}}
	return held{quiesce.Run{
		Name: fmt.Sprintf("run-%d", began.UnixNano()), Token: "me", Policy: policy,
		Now: func() int64 { return time.Since(began).Milliseconds() },
	}, m}
}

// plan finds what is held, and makes sure that it is released in the end.
func (h held) plan(t *testing.T, want int) []v1alpha1.Hold {
	t.Helper()
	holds, err := h.Plan(t.Context(), h.member)
	if err != nil {
		t.Fatal(err)
	}
	if len(holds) != want {
		t.Fatalf("holds %+v, want %d", holds, want)
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		for i := range holds {
			if err := h.Release(ctx, h.member, &holds[i]); err != nil {
				t.Error(err)
			}
		}
	})
	return holds
}

// running makes pods, each of one container, and waits until they run.
func running(t *testing.T, cluster, namespace string, names ...string) {
	t.Helper()
	pods := objects(t, cluster, "", "v1", "pods", namespace)
	for _, name := range names {
		create(t, pods, map[string]any{
			"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": name, "labels": map[string]any{"app": "till"}},
			"spec": map[string]any{"containers": []any{map[string]any{"name": "till", "image": "till"}}},
		})
	}
	for _, name := range names {
		until(t, "pod "+name+" runs", func() error {
			pod, err := pods.Get(t.Context(), name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase"); phase != "Running" {
				return fmt.Errorf("it is %q", phase)
			}
			return nil
		})
	}
}

func until(t *testing.T, what string, try func() error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// Commands in the containers of all pods that a selector finds. KWOK runs them on this machine, and loses their exit codes.
func TestHoldByCommands(t *testing.T) {
	t.Parallel()
	const cluster, namespace = "c1", "hold-commands"
	shop(t, cluster, namespace)
	running(t, cluster, namespace, "till-0", "till-1")
	dir := t.TempDir()
	still := func() int {
		files, err := filepath.Glob(filepath.Join(dir, "still-*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	// Both containers are this machine: each hold has a file of its own.
	h := holding(t, memberOf(t, bed(t).RESTConfig(t, cluster), cluster), v1alpha1.QuiesceAction{Exec: &v1alpha1.ExecAction{
		Namespace: namespace, Selector: "app=till",
		Freeze:  []string{"sh", "-c", `mktemp "$1"/still-XXXXXX`, "sh", dir},
		Release: []string{"sh", "-c", `rm -f "$1"/still-*`, "sh", dir},
		Probe:   []string{"sh", "-c", `[ -n "$(ls "$1")" ]`, "sh", dir},
	}})
	holds := h.plan(t, 2)
	for i := range holds {
		if err := h.Rehearse(t.Context(), h.member, holds[i]); err != nil {
			t.Fatal(err)
		}
	}
	if still() != 0 {
		t.Fatal("a rehearsal has frozen something")
	}
	for i := range holds {
		if err := h.Freeze(t.Context(), h.member, &holds[i]); err != nil {
			t.Fatal(err)
		}
		if holds[i].State != v1alpha1.HoldFrozen || holds[i].ArmedMillis == nil || holds[i].TTLSeconds != 120 || !strings.Contains(holds[i].Path, string(holds[i].UID)) {
			t.Errorf("hold: %+v", holds[i])
		}
	}
	if still() != 2 {
		t.Errorf("%d are still", still())
	}
	if err := h.Rehearse(t.Context(), h.member, holds[0]); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("of what is still already: %v", err)
	}
	if err := h.Check(t.Context(), h.member, &holds[0]); err != nil {
		t.Error(err)
	}
	if err := h.Whole(t.Context(), h.member, holds); err != nil {
		t.Error(err)
	}
	var stranger *quiesce.BrokenError
	if err := h.Whole(t.Context(), h.member, holds[:1]); !errors.As(err, &stranger) || !strings.Contains(err.Error(), "till-1") {
		t.Errorf("of a pod that nobody holds: %v", err)
	}
	other := h
	other.Token = "another"
	again := holds[1]
	if err := other.Release(t.Context(), h.member, &again); err != nil || again.State != v1alpha1.HoldReleased {
		t.Errorf("%+v, %v", again, err)
	}
	for i, want := range []v1alpha1.HoldState{v1alpha1.HoldReleased, v1alpha1.HoldBroken} {
		if err := h.Release(t.Context(), h.member, &holds[i]); err != nil || holds[i].State != want {
			t.Errorf("%+v, %v; want it %s", holds[i], err, want)
		}
	}
	if still() != 0 {
		t.Errorf("%d are still", still())
	}
}

// What cannot be frozen is released at once, and its words are told.
func TestHoldFails(t *testing.T) {
	t.Parallel()
	const cluster, namespace = "c1", "hold-fails"
	shop(t, cluster, namespace)
	m := memberOf(t, bed(t).RESTConfig(t, cluster), cluster)
	still := filepath.Join(t.TempDir(), "still")
	a := v1alpha1.QuiesceAction{Timeout: metav1.Duration{Duration: 2 * time.Second}, Exec: &v1alpha1.ExecAction{
		Namespace: namespace, Selector: "app=till",
		Freeze:  []string{"sh", "-c", `touch "$1"; echo the drawer is open; exit 7`, "sh", still},
		Release: []string{"rm", "-f", still},
	}}
	if _, err := holding(t, m, a).Plan(t.Context(), m); err == nil || !strings.Contains(err.Error(), "app=till") {
		t.Errorf("a selector that finds nothing: %v", err)
	}
	running(t, cluster, namespace, "till-0")
	h := holding(t, m, a)
	holds := h.plan(t, 1)
	if err := h.Freeze(t.Context(), m, &holds[0]); err == nil || !strings.Contains(err.Error(), "exit code 7") || !strings.Contains(err.Error(), "the drawer is open") {
		t.Errorf("a freeze that fails: %v", err)
	}
	if _, err := os.Stat(still); !errors.Is(err, os.ErrNotExist) || holds[0].State != v1alpha1.HoldBroken {
		t.Errorf("%+v, %v", holds[0], err)
	}

	hanging := *a.Exec
	hanging.Freeze = []string{"sh", "-c", `touch "$1"; sleep 1000`, "sh", still}
	a.Exec = &hanging
	h = holding(t, m, a)
	holds = h.plan(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	stop := context.AfterFunc(ctx, func() {})
	defer stop()
	time.AfterFunc(time.Second, cancel)
	if err := h.Freeze(ctx, m, &holds[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("a freeze that was interrupted: %v", err)
	}
	if _, err := os.Stat(still); !errors.Is(err, os.ErrNotExist) || holds[0].State != v1alpha1.HoldBroken {
		t.Errorf("%+v, %v", holds[0], err)
	}
}

// A workload that has no pods for a while.
func TestHoldByScaling(t *testing.T) {
	t.Parallel()
	const cluster, namespace = "c1", "hold-scaling"
	shop(t, cluster, namespace)
	deployments := objects(t, cluster, "apps", "v1", "deployments", namespace)
	labels := map[string]any{"app": "worker"}
	create(t, deployments, map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "worker"},
		"spec": map[string]any{"replicas": int64(3), "selector": map[string]any{"matchLabels": labels}, "template": map[string]any{
			"metadata": map[string]any{"labels": labels, "annotations": map[string]any{"testbed.kubectl-fleet.io/delete-delay": "2s"}},
			"spec":     map[string]any{"containers": []any{map[string]any{"name": "worker", "image": "worker"}}},
		}},
	})
	pods := objects(t, cluster, "", "v1", "pods", namespace)
	count := func() int {
		list, err := pods.List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	until(t, "three pods", func() error {
		if n := count(); n != 3 {
			return fmt.Errorf("there are %d", n)
		}
		return nil
	})
	m := memberOf(t, bed(t).RESTConfig(t, cluster), cluster)
	h := holding(t, m, v1alpha1.QuiesceAction{Scale: &v1alpha1.ScaleAction{Namespace: namespace, Kind: "Deployment", Name: "worker"}})
	holds := h.plan(t, 1)
	if err := h.Rehearse(t.Context(), m, holds[0]); err != nil {
		t.Error(err)
	}
	if err := h.Freeze(t.Context(), m, &holds[0]); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 0 {
		t.Errorf("%d pods are left, some about to go", n)
	}
	if got := string(holds[0].Before.Raw); got != `{"spec":{"replicas":3}}` || holds[0].State != v1alpha1.HoldFrozen || holds[0].TTLSeconds != 0 {
		t.Errorf("%s, %+v", got, holds[0])
	}
	if err := h.Check(t.Context(), m, &holds[0]); err != nil {
		t.Error(err)
	}
	another := holding(t, m, h.Policy.Spec.Quiesce[0].Actions[0])
	if _, err := another.Plan(t.Context(), m); member.ReasonOf(err) != member.ReasonRefused || !strings.Contains(err.Error(), h.Name) {
		t.Errorf("of what another run holds: %v", err)
	}
	again := holds[0]
	for i, want := range []v1alpha1.HoldState{v1alpha1.HoldReleased, v1alpha1.HoldBroken} {
		if err := h.Release(t.Context(), m, []*v1alpha1.Hold{&holds[0], &again}[i]); err != nil || []v1alpha1.Hold{holds[0], again}[i].State != want {
			t.Errorf("%+v, %+v, %v", holds[0], again, err)
		}
	}
	worker, err := deployments.Get(t.Context(), "worker", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n, _, _ := unstructured.NestedInt64(worker.Object, "spec", "replicas"); n != 3 || worker.GetAnnotations()[quiesce.Annotation] != "" {
		t.Errorf("%d replicas, annotations %v", n, worker.GetAnnotations())
	}

	// Somebody scales it up meanwhile.
	h = holding(t, m, h.Policy.Spec.Quiesce[0].Actions[0])
	holds = h.plan(t, 1)
	if err := h.Freeze(t.Context(), m, &holds[0]); err != nil {
		t.Fatal(err)
	}
	// Not an update: the Deployment's controller writes its status at the same time.
	if _, err := deployments.Patch(t.Context(), "worker", types.MergePatchType, []byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	var broken *quiesce.BrokenError
	if err := h.Check(t.Context(), m, &holds[0]); !errors.As(err, &broken) {
		t.Errorf("of what was scaled up again: %v", err)
	}
	if err := h.Release(t.Context(), m, &holds[0]); err != nil || holds[0].State != v1alpha1.HoldBroken {
		t.Errorf("%+v, %v", holds[0], err)
	}
	if worker, err = deployments.Get(t.Context(), "worker", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	if n, _, _ := unstructured.NestedInt64(worker.Object, "spec", "replicas"); n != 5 {
		t.Errorf("somebody else's count was made %d", n)
	}

	create(t, objects(t, cluster, "autoscaling", "v2", "horizontalpodautoscalers", namespace), map[string]any{
		"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": map[string]any{"name": "by-load"},
		"spec": map[string]any{"maxReplicas": int64(9), "scaleTargetRef": map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"}},
	})
	if _, err := h.Plan(t.Context(), m); member.ReasonOf(err) != member.ReasonRefused || !strings.Contains(err.Error(), "by-load") {
		t.Errorf("of what an autoscaler would undo: %v", err)
	}
}

// An object that is another for a while, and what is waited for.
func TestHoldByPatching(t *testing.T) {
	t.Parallel()
	const cluster, namespace = "c1", "hold-patching"
	shop(t, cluster, namespace) // with prices
	m := memberOf(t, bed(t).RESTConfig(t, cluster), cluster)
	patch := v1alpha1.PatchAction{
		APIVersion: "v1", Kind: "ConfigMap", Namespace: namespace, Name: "prices",
		Freeze: &runtime.RawExtension{Raw: []byte(`{"data":{"bread":null,"closed":"yes"},"metadata":{"annotations":{"fenced":"all"}}}`)},
		Until:  "{.data.fenced}", UntilValue: "true",
	}
	h := holding(t, m, v1alpha1.QuiesceAction{Patch: &patch})
	prices := objects(t, cluster, "", "v1", "configmaps", namespace)
	get := func() *unstructured.Unstructured {
		o, err := prices.Get(t.Context(), "prices", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	was := get()
	holds := h.plan(t, 1)
	frozen := make(chan error, 1)
	go func() { frozen <- h.Freeze(t.Context(), m, &holds[0]) }()
	until(t, "the patch", func() error {
		if value, _, _ := unstructured.NestedString(get().Object, "data", "closed"); value != "yes" {
			return errors.New("it is open")
		}
		return nil
	})
	select {
	case err := <-frozen:
		t.Fatalf("it was not waited for: %v", err)
	case <-time.After(time.Second):
	}
	o := get()
	if err := unstructured.SetNestedField(o.Object, "true", "data", "fenced"); err != nil {
		t.Fatal(err)
	}
	if _, err := prices.Update(t.Context(), o, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := <-frozen; err != nil {
		t.Fatal(err)
	}
	if err := h.Check(t.Context(), m, &holds[0]); err != nil {
		t.Error(err)
	}
	if err := h.Release(t.Context(), m, &holds[0]); err != nil || holds[0].State != v1alpha1.HoldReleased {
		t.Errorf("%+v, %v", holds[0], err)
	}
	now := get()
	if _, has := now.GetAnnotations()["fenced"]; has {
		t.Errorf("annotations: %v", now.GetAnnotations())
	}
	unstructured.RemoveNestedField(now.Object, "data", "fenced") // the operator's
	if got, want := fmt.Sprint(now.Object["data"]), fmt.Sprint(was.Object["data"]); got != want {
		t.Errorf("%s, which was %s", got, want)
	}
}
