package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/capi"
)

// Cluster API's own controllers make machines in the cluster that they run in and in another, and take them away again.
func TestClusterAPI(t *testing.T) {
	r := upReal(t, "-n", "2", "--nodes", "1", "--with", "capi")
	// API server, etcd twice and kwok in two clusters, and the webhooks.
	assertLoopback(t, r.Dir, 9)
	manifest := filepath.Join(t.TempDir(), "machines.yaml")
	if err := os.WriteFile(manifest, []byte(machineDeployment("c1", 5)+"---\n"+machineDeployment("c2", 2)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.kubectl(t, "--context=c1", "apply", "-f", manifest)
	workers := func(context string, want int) {
		t.Helper()
		r.inTime(t, fmt.Sprintf("%s has %d workers", context, want), func() error {
			machines, err := r.tryKubectl(t, "--context=c1", "get", "machines", "-n", capi.Namespace, "-l", "pool="+context,
				"-o", `jsonpath={range .items[*]}{.status.phase} {.status.nodeRef.name}{"\n"}{end}`)
			if err != nil {
				return err
			}
			nodes, err := r.tryKubectl(t, "--context", context, "get", "nodes", "--no-headers")
			if err != nil {
				return err
			}
			if n := strings.Count(machines, "Running pool-"+context); n != want || strings.Count(nodes, "pool-"+context) != want {
				return fmt.Errorf("machines:\n%snodes:\n%s", machines, nodes)
			}
			return nil
		})
	}
	workers("c1", 5)
	workers("c2", 2)
	// v1beta1 has it by the webhook that converts.
	if out := r.kubectl(t, "--context=c1", "get", "machinedeployments.v1beta1.cluster.x-k8s.io", "pool-c1", "-n", capi.Namespace,
		"-o", "jsonpath={.spec.template.spec.infrastructureRef.apiVersion}"); out != "infrastructure.cluster.x-k8s.io/v1" {
		t.Errorf("as v1beta1: %q", out)
	}
	r.kubectl(t, "--context=c1", "scale", "machinedeployment", "pool-c1", "-n", capi.Namespace, "--replicas=3")
	workers("c1", 3)

	if _, err := r.tryKubectl(t, "--context=c1", "patch", "machinedeployment", "pool-c1", "-n", capi.Namespace, "--type=merge", "-p",
		`{"spec": {"clusterName": "c2"}}`); err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Errorf("a machine deployment that changes its cluster: %v, want the webhook's refusal", err)
	}
}

func machineDeployment(cluster string, replicas int) string {
	return fmt.Sprintf(`
apiVersion: cluster.x-k8s.io/v1beta2
kind: MachineDeployment
metadata: {name: pool-%[1]s, namespace: %[3]s}
spec:
  clusterName: %[1]s
  replicas: %[2]d
  selector: {matchLabels: {pool: %[1]s}}
  template:
    metadata: {labels: {pool: %[1]s}}
    spec:
      clusterName: %[1]s
      version: v1.36.3
      bootstrap: {configRef: {apiGroup: bootstrap.cluster.x-k8s.io, kind: KWOKConfigTemplate, name: %[4]s}}
      infrastructureRef: {apiGroup: infrastructure.cluster.x-k8s.io, kind: KWOKMachineTemplate, name: %[4]s}
`, cluster, replicas, capi.Namespace, capi.Template)
}
