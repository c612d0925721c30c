package fleetbackup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
)

// A set for which a workload has no pods in one cluster and a CronJob is suspended in the
// other: refused unless it is allowed, since nothing but recover ends these holds if the
// plugin dies; and recover does.
func TestCreateByScaling(t *testing.T) {
	r := &restoring{name: "scaled", dir: t.TempDir()}
	contexts := map[string]*clientcmdapi.Cluster{}
	for _, c := range []string{"c1", "c2"} {
		contexts[c] = r.Before(t, bed(t).RESTConfig(t, c))
		shop(t, c, r.name)
	}
	r.env = []string{"HOME=" + r.dir, "KUBECONFIG=" + meddle.Kubeconfig(t, contexts), "KUBECACHEDIR=" + filepath.Join(r.dir, "cache")}
	deployments, cronJobs := objects(t, "c1", "apps", "v1", "deployments", r.name), objects(t, "c2", "batch", "v1", "cronjobs", r.name)
	create(t, deployments, till())
	rolledOut(t, "c1", r.name)
	create(t, cronJobs, map[string]any{
		"apiVersion": "batch/v1", "kind": "CronJob", "metadata": map[string]any{"name": "till"},
		"spec": map[string]any{"schedule": "0 0 1 1 *", "jobTemplate": map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
			"restartPolicy": "Never", "containers": []any{map[string]any{"name": "till", "image": "registry.example/till:1"}},
		}}}}},
	})
	policy := filepath.Join(r.dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte(`apiVersion: kubectl-fleet.io/v1alpha1
kind: BackupSchedule
metadata: {name: scaled}
spec:
  members: [{cluster: c1}, {cluster: c2}]
  velero: {template: {includedNamespaces: [scaled], ttl: 1h}}
  quiesce:
  - actions:
    - {clusters: [c1], scale: {namespace: scaled, kind: Deployment, name: till, to: 0}}
    - {clusters: [c2], patch: {apiVersion: batch/v1, kind: CronJob, namespace: scaled, name: till, freeze: {spec: {suspend: true}}, until: "{.spec.suspend}", untilValue: "true"}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	// still says what is held: how many replicas there are to be, and whether the CronJob is suspended.
	still := func() string {
		t.Helper()
		d, err := deployments.Get(t.Context(), "till", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		j, err := cronJobs.Get(t.Context(), "till", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		replicas, _, _ := unstructured.NestedInt64(d.Object, "spec", "replicas")
		suspended, _, _ := unstructured.NestedBool(j.Object, "spec", "suspend")
		return fmt.Sprintf("%d %t", replicas, suspended)
	}
	const held, free = "0 true", "1 false"

	r.wants(t, 5, []string{"create", "-f", policy}, "--allow-no-deadman")
	args := []string{"create", "-f", policy, "--allow-no-deadman"}
	r.wants(t, 0, args, "Quiesced", "2/2")
	if is := still(); is != free {
		t.Fatalf("it is not as it was: %s", is)
	}
	rolledOut(t, "c1", r.name)

	over := make(chan int)
	go func() {
		code, _, _ := r.plugin(t, 0, append(args, "--yes")...)
		over <- code
	}()
	eventually(t, func() error {
		if is := still(); is != held {
			return fmt.Errorf("it is %s", is)
		}
		return nil
	})
	r.Signal(os.Kill)
	if code := <-over; code != -1 {
		t.Fatalf("create: %d", code)
	}
	if is := still(); is != held {
		t.Errorf("who put it back? %s", is)
	}
	code, out, _ := r.plugin(t, 0, "recover", "-C", "c1,c2")
	if code != 1 && code != 7 || strings.Contains(out, "Quiesced") {
		t.Errorf("recover: %d\n%s", code, out)
	}
	if is := still(); is != free {
		t.Errorf("recover left it %s\n%s", is, out)
	}
	rolledOut(t, "c1", r.name)
}
