package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/karmada"
)

// A real Karmada joins real clusters, reaches them, and propagates to them; it can be hurt and mended like a cluster.
func TestKarmada(t *testing.T) {
	r := upReal(t, "-n", "2", "--nodes", "2", "--with", "karmada")
	if got := r.states(t); got != "running running running" {
		t.Errorf("states: %s", got)
	}
	// API server, etcd twice and kwok in two clusters; API server, etcd twice, aggregated API server and webhook of the hub.
	assertLoopback(t, r.Dir, 13)
	r.testHubKubeconfig(t)
	for _, member := range []string{"c1", "c2"} {
		r.karmadactl(t, "join", member, "--cluster-kubeconfig", r.Kubeconfig(), "--cluster-context", member)
	}
	for _, member := range []string{"c1", "c2"} {
		r.inTime(t, member+" is ready, and reached through the hub", func() error {
			_, err := r.tryHub(t, "get", "--raw", "/apis/cluster.karmada.io/v1alpha1/clusters/"+member+"/proxy/api/v1/namespaces/default")
			if err != nil {
				return err
			}
			ready, err := r.tryHub(t, "get", "cluster", member, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
			if err == nil && ready != "True" {
				err = fmt.Errorf("ready: %q", ready)
			}
			return err
		})
	}

	propagated := filepath.Join(t.TempDir(), "propagated.yaml")
	if err := os.WriteFile(propagated, []byte(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 10
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: registry.example/web:1}]}
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: web, namespace: default}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: web}]
  placement:
    replicaScheduling:
      replicaSchedulingType: Divided
      replicaDivisionPreference: Weighted
      weightPreference:
        staticWeightList:
        - {targetCluster: {clusterNames: [c1]}, weight: 4}
        - {targetCluster: {clusterNames: [c2]}, weight: 1}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := r.tryHub(t, "apply", "-f", propagated); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	replicas := func(want string) func() error {
		return func() error {
			var got []string
			for _, member := range []string{"c1", "c2"} {
				out, err := r.tryKubectl(t, "--context", member, "get", "deployment", "web", "-o", "jsonpath={.status.readyReplicas}")
				if err != nil {
					return fmt.Errorf("%s: %w: %s", member, err, out)
				}
				got = append(got, out)
			}
			if strings.Join(got, " ") != want {
				return fmt.Errorf("replicas %q, want %q", got, want)
			}
			return nil
		}
	}
	r.inTime(t, "ten replicas are split four to one", replicas("8 2"))

	const impossible = `{"spec": {"placement": {"spreadConstraints": [{"spreadByField": "cluster", "minGroups": 3, "maxGroups": 1}]}}}`
	if out, err := r.tryHub(t, "patch", "propagationpolicy", "web", "--type=merge", "-p", impossible); err == nil || !strings.Contains(err.Error(), "denied") {
		t.Errorf("a policy that cannot be: %q, %v; want the webhook's refusal", out, err)
	}

	testbed(t, "hang", karmada.Hub, "--dir", r.Dir)
	if s := r.states(t); s != "running running hung" {
		t.Errorf("states %q", s)
	}
	testbed(t, "resume", karmada.Hub, "--dir", r.Dir)
	if out, err := r.tryHub(t, "get", "clusters", "-o", "name"); err != nil || strings.Count(out, "\n") != 2 {
		t.Errorf("clusters after resume: %q, %v", out, err)
	}
	testbed(t, "kill", karmada.Hub, "--dir", r.Dir)
	if _, err := r.tryHub(t, "get", "clusters"); err == nil {
		t.Error("the killed hub answers")
	}
	r.killUnits(t, karmada.Hub, "karmada-aggregated-apiserver", "karmada-webhook", "karmada-controller-manager", "karmada-scheduler")
	testbed(t, "start", karmada.Hub, "--dir", r.Dir)
	// At once: that is what start waits for.
	if out, err := r.tryHub(t, "get", "clusters", "-o", "name"); err != nil || strings.Count(out, "\n") != 2 {
		t.Errorf("clusters after start: %q, %v", out, err)
	}
	if out, err := r.tryHub(t, "scale", "deployment", "web", "--replicas", "5"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r.inTime(t, "five replicas are split four to one", replicas("4 1"))

	r.karmadactl(t, "unjoin", "c2", "--cluster-kubeconfig", r.Kubeconfig(), "--cluster-context", "c2")
	if out, err := r.tryHub(t, "get", "clusters", "-o", "name"); err != nil || strings.TrimSpace(out) != "cluster.cluster.karmada.io/c1" {
		t.Errorf("clusters after unjoin: %q, %v", out, err)
	}
}

// testHubKubeconfig: the fleet is what the bed's own kubeconfig says, and the hub is no part of it.
func (r *realBed) testHubKubeconfig(t *testing.T) {
	t.Helper()
	if out := r.kubectl(t, "config", "get-contexts", "-o", "name"); out != "c1\nc2\n" {
		t.Errorf("contexts of the bed: %q", out)
	}
	if out, err := r.tryHub(t, "config", "get-contexts", "-o", "name"); err != nil || out != karmada.Hub+"\n" {
		t.Errorf("contexts of the hub: %q, %v", out, err)
	}
	if out := testbed(t, "kubeconfig", karmada.Hub, "--dir", r.Dir); strings.Count(out, "certificate-authority-data:") != 1 || !strings.Contains(out, "current-context: "+karmada.Hub) {
		t.Errorf("kubeconfig of the hub:\n%s", out)
	}
}

// patience is for controllers that get round to their work once a minute, on a machine whose cores are all busy.
const patience = 2 * time.Minute

// inTime waits for what controllers do when they get round to it.
func (*realBed) inTime(t *testing.T, what string, try func() error) {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func (r *realBed) hub(t *testing.T) string {
	t.Helper()
	hub, err := r.Cluster(karmada.Hub)
	if err != nil {
		t.Fatal(err)
	}
	return hub.Kubeconfig()
}

func (r *realBed) tryHub(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return r.tryKubectl(t, append([]string{"--kubeconfig", r.hub(t)}, args...)...)
}

func (r *realBed) karmadactl(t *testing.T, args ...string) {
	t.Helper()
	path, err := r.Program("karmadactl")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path, append([]string{"--kubeconfig", r.hub(t)}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("karmadactl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
