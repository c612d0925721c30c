package capi_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
)

// MachineHealthChecks are kept from the Machine of a node while it is emptied, and no
// longer: neither when the run stops, nor when one that was killed is ended.
func (e *estate) testGuarded(t *testing.T) {
	t.Parallel()
	e.Pool(t, "guarded", "c1", 2)
	node := e.Workers(t, "c1", "guarded")[0]
	e.stuck(t, node.Name)
	k := &killer.Killer{}
	kubeconfig := meddle.Kubeconfig(t, map[string]*clientcmdapi.Cluster{"c1": k.Before(t, e.Fleet.RESTConfig(t, "c1"))})
	env := []string{"HOME=" + t.TempDir(), "KUBECONFIG=" + kubeconfig}
	down := []string{"down", "-C", "c1", "--nodes", node.Name, "--force", "--settle", "0s", "--reserve=false", "--timeout", "3s", "--state-namespace", "scale-guarded", "--yes"}

	seen := make(chan string)
	go func() { seen <- e.guardOf(context.WithoutCancel(t.Context()), node.Name, true) }()
	if code, out, _ := k.Run(t, 0, false, env, down...); code != 4 {
		t.Fatalf("exit code %d, want 4\n%s", code, out)
	}
	if value := <-seen; !strings.HasPrefix(value, "kubectl-fleet/") {
		t.Errorf("while it was emptied its Machine had %q", value)
	}
	if value := e.guardOf(context.WithoutCancel(t.Context()), node.Name, false); value != "" {
		t.Errorf("it is emptied no longer, and its Machine has %q", value)
	}

	// Of a new run the first writes are the lock, the journal, that it begins with this
	// wave, the guard, and the mark, at which it is killed.
	if code, out, _ := k.Run(t, 0, false, env, "abort", "-C", "c1", "--state-namespace", "scale-guarded", "--yes"); code != 0 {
		t.Fatalf("abort: exit code %d\n%s", code, out)
	}
	e.stuck(t, node.Name)
	killed := false
	for at := 4; !killed && at < 12; at++ {
		_, out, reached := k.Run(t, at, true, env, down...)
		if !reached {
			t.Fatalf("it made no %d writes\n%s", at, out)
		}
		killed = e.guardOf(context.WithoutCancel(t.Context()), node.Name, false) != ""
		if code, out, _ := k.Run(t, 0, false, env, "abort", "-C", "c1", "--state-namespace", "scale-guarded", "--yes"); code != 0 {
			t.Fatalf("abort: exit code %d\n%s", code, out)
		}
	}
	if value := e.guardOf(context.WithoutCancel(t.Context()), node.Name, false); !killed || value != "" {
		t.Errorf("killed while its Machine was guarded: %t; when that was ended it has %q", killed, value)
	}
}

// guardOf is the annotation by which a Machine is not remediated, or waits until it
// has one.
func (e *estate) guardOf(ctx context.Context, machine string, wait bool) string {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		m, err := e.Of("machines").Get(ctx, machine, metav1.GetOptions{})
		value := ""
		if err == nil {
			value = m.GetAnnotations()["cluster.x-k8s.io/skip-remediation"]
		}
		if !wait || value != "" || time.Now().After(end) {
			return value
		}
	}
}

// stuck puts a pod on a node that never ends, in the place of one that is there.
func (e *estate) stuck(t *testing.T, node string) {
	t.Helper()
	pods := e.Nodes["c1"].CoreV1().Pods("default")
	ctx := context.WithoutCancel(t.Context())
	ends := func() {
		_ = pods.Delete(ctx, node, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
		_, _ = pods.Patch(ctx, node, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	}
	ends()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: node, Finalizers: []string{"test.kubectl-fleet.io/stuck"}},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app", Image: "registry.example/app:1"}}},
	}
	estates.Eventually(t, "a pod on "+node, func() error {
		_, err := pods.Create(ctx, pod, metav1.CreateOptions{})
		return err
	})
	t.Cleanup(ends)
}
