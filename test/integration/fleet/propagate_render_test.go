package fleet_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// webManifest is a web server with what its override needs.
const webManifest = `apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: low-of-NAMESPACE}
value: -5
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {where: "${cluster.name}"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "nginx:1.8", resources: {requests: {cpu: 100m}}}]
`

// rendering is a namespace in two clusters, a manifest, and the flags that bring
// it there. What is of no namespace has a name that nobody else uses.
func (p *plugin) rendering(t *testing.T, namespace, text string) (flags []string) {
	t.Helper()
	c := p.fleet.Clusters()[:2]
	p.namespaceIn(t, c, namespace, 0)
	file := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "NAMESPACE", namespace)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cluster := range c {
		t.Cleanup(func() {
			_ = p.client(t, cluster).SchedulingV1().PriorityClasses().Delete(context.WithoutCancel(t.Context()), "low-of-"+namespace, metav1.DeleteOptions{})
		})
	}
	return []string{"propagate", "-f", file, "-n", namespace, "--state-namespace", namespace, "-C", c[0] + "," + c[1]}
}

func (p *plugin) deployment(t *testing.T, cluster, namespace string) *appsv1.Deployment {
	t.Helper()
	found, err := p.client(t, cluster).AppsV1().Deployments(namespace).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The README's example: nine of ten in one cluster, one in the other, and a lower
// priority there.
func TestPropagateWeightAndOverride(t *testing.T) {
	t.Parallel()
	p := newPlugin(t)
	c := p.fleet.Clusters()
	flags := append(p.rendering(t, "render-weight", webManifest),
		"--replicas", "10", "--weight", c[0]+"=90,"+c[1]+"=10", "--override", c[1]+":/spec/template/spec/priorityClassName=low-of-render-weight", "--image-registry", "mirror.example")
	plan := p.run(t, append(flags, "--dry-run=server")...).want(t, 0).stdout
	for _, want := range []string{"9 of 10", "1 of 10", "/spec/template/spec/priorityClassName", "low-of-render-weight"} {
		if !strings.Contains(plan, want) {
			t.Errorf("%q is not in the plan\n%s", want, plan)
		}
	}
	p.run(t, append(flags, "--yes")...).want(t, 0)
	for i, want := range []struct {
		replicas int32
		priority string
	}{{9, ""}, {1, "low-of-render-weight"}} {
		got := p.deployment(t, c[i], "render-weight")
		if *got.Spec.Replicas != want.replicas || got.Spec.Template.Spec.PriorityClassName != want.priority || got.Status.ReadyReplicas != want.replicas {
			t.Errorf("%s: %d replicas, %d ready, priority %q, want %+v", c[i], *got.Spec.Replicas, got.Status.ReadyReplicas, got.Spec.Template.Spec.PriorityClassName, want)
		}
		if image := got.Spec.Template.Spec.Containers[0].Image; image != "mirror.example/library/nginx:1.8" {
			t.Errorf("%s: image %s", c[i], image)
		}
		if where := p.kubectl(t, "--context", c[i], "get", "configmap", "web", "-n", "render-weight", "-o", "jsonpath={.data.where}").stdout; where != c[i] {
			t.Errorf("the config map of %s says %q", c[i], where)
		}
	}
	if again := p.run(t, append(flags, "--yes")...).want(t, 0).stdout; strings.Count(again, "Unchanged") != 2 {
		t.Errorf("once more:\n%s", again)
	}
}

// What is rendered is what kubectl would take, and what is applied.
func TestPropagateRenderIsApplied(t *testing.T) {
	t.Parallel()
	p := newPlugin(t)
	c := p.fleet.Clusters()
	flags := append(p.rendering(t, "render-applied", webManifest), "--weight", c[0]+"=2,"+c[1]+"=1")
	rendered := p.run(t, append(flags, "--render", "-C", "^"+c[0], "--weight", c[1]+"=1", "-o", "yaml")...).want(t, 0)
	file := filepath.Join(t.TempDir(), "rendered.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(rendered.stdout, "failures: []\n", "")), 0o600); err != nil {
		t.Fatal(err)
	}
	p.kubectl(t, "--context", c[1], "apply", "--server-side", "--field-manager=kubectl-fleet", "-n", "render-applied", "-f", file).want(t, 0)
	if got := *p.deployment(t, c[1], "render-applied").Spec.Replicas; got != 3 {
		t.Errorf("%d replicas, want 3", got)
	}
}

// By what is free the shares follow the room, those that run already included; a
// total that has no room is refused.
func TestPropagateByFree(t *testing.T) {
	t.Parallel()
	p := newPlugin(t)
	c := p.fleet.Clusters()
	flags := append(p.rendering(t, "render-free", webManifest), "--weight-by", "free", "--replicas", "10")
	// Room in the second cluster alone: what the pods ask for is nowhere in the first.
	nodes, err := p.client(t, c[1]).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	node := nodes.Items[0].Name
	p.kubectl(t, "--context", c[1], "label", "node", node, "render-free=yes").want(t, 0)
	t.Cleanup(func() { p.kubectl(t, "--context", c[1], "label", "node", node, "render-free-").want(t, 0) })
	only := slices.Concat(flags, []string{"--override", "*:deploy/web:/spec/template/spec/nodeSelector={render-free: 'yes'}"})
	shares := p.run(t, append(only, "--render", "-o", `jsonpath={range .items[?(@.kind=="Deployment")]}{.spec.replicas} {end}`)...).want(t, 0).stdout
	if shares != "0 10 " {
		t.Errorf("shares %q, want 0 and 10", shares)
	}
	p.run(t, append(only, "--yes")...).want(t, 0)
	if again := p.run(t, append(only, "--yes")...).want(t, 0).stdout; strings.Count(again, "Unchanged") != 2 {
		t.Errorf("once more:\n%s", again)
	}
	full := p.run(t, append(only, "--replicas", "1000000", "--yes")...).want(t, 5)
	if !strings.Contains(full.stderr, "1000000 replicas do not fit: there is room for ") {
		t.Error(full.stderr)
	}
}

// Replicas that an autoscaler has are its own: neither divided, nor set, nor taken
// away where we set them before it came.
func TestPropagateBesideAutoscaler(t *testing.T) {
	t.Parallel()
	p := newPlugin(t)
	c := p.fleet.Clusters()
	const ns = "render-hpa"
	flags := append(p.rendering(t, ns, webManifest), "--weight", fmt.Sprintf("%s=1,%s=1", c[0], c[1]), "--yes")
	p.run(t, append(flags, "--replicas", "6")...).want(t, 0)
	p.kubectl(t, "--context", c[0], "autoscale", "deployment", "web", "-n", ns, "--max", "20").want(t, 0)

	said := p.run(t, append(flags, "--replicas", "2")...).want(t, 0).stderr
	if !strings.Contains(said, "Deployment web: a HorizontalPodAutoscaler has its replicas") {
		t.Error(said)
	}
	if first, second := *p.deployment(t, c[0], ns).Spec.Replicas, *p.deployment(t, c[1], ns).Spec.Replicas; first != 3 || second != 2 {
		t.Errorf("%d and %d replicas, want 3, as before, and 2", first, second)
	}
	// The autoscaler's own write takes the field; from then on we leave it out.
	p.kubectl(t, "--context", c[0], "scale", "deployment", "web", "-n", ns, "--replicas", "7").want(t, 0)
	p.run(t, append(flags, "--replicas", "4")...).want(t, 0)
	if got := *p.deployment(t, c[0], ns).Spec.Replicas; got != 7 {
		t.Errorf("%d replicas, want the autoscaler's 7", got)
	}
}
