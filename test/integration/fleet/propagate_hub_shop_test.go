package fleet_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// shop is an application with an object of every sort: a namespace, a setting, and
// a workload that has to become healthy.
const shop = `
apiVersion: v1
kind: Namespace
metadata: {name: NAME}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: NAME}
data: {greeting: hello}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NAME}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
`

// hubShop brings the shop to clusters, by a Karmada or without.
type hubShop struct {
	*karmadaLab

	name, file string
	in         []string
}

// newHubShop is a shop for these clusters; without any for c1 and c2.
func newHubShop(t *testing.T, l *karmadaLab, name string, in ...string) *hubShop {
	t.Helper()
	if len(in) == 0 {
		in = []string{"c1", "c2"}
	}
	s := &hubShop{l, name, filepath.Join(t.TempDir(), "shop.yaml"), in}
	s.write(t)
	t.Cleanup(func() {
		for _, cluster := range append([]string{l.hub}, in...) {
			l.kubectl(t, "--context", cluster, "delete", "ns", name, "--ignore-not-found", "--wait=false").want(t, 0)
		}
	})
	return s
}

// write writes the manifest, with some texts replaced.
func (s *hubShop) write(t *testing.T, replaced ...string) {
	t.Helper()
	text := strings.NewReplacer(append([]string{"NAME", s.name}, replaced...)...).Replace(shop)
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *hubShop) propagate(t *testing.T, via string, more ...string) result {
	t.Helper()
	args := []string{"propagate", "-f", s.file, "--name", s.name, "-C", strings.Join(s.in, ","), "--via", via, "--yes"}
	return s.run(t, append(args, more...)...)
}

func (s *hubShop) byHub(t *testing.T, more ...string) result {
	t.Helper()
	return s.propagate(t, "karmada="+s.hub, more...)
}

// withdraw takes the set away, and wants nothing of it left: neither in the clusters
// nor on the hub.
func (s *hubShop) withdraw(t *testing.T) {
	t.Helper()
	s.set(t, "withdraw", "--yes").want(t, 0)
	for _, cluster := range append([]string{s.hub}, s.in...) {
		if err := nothing(s.names(t, cluster, "cm/web", "deploy/web", "--ignore-not-found")); err != nil {
			t.Errorf("withdrawn, and in %s: %v", cluster, err)
		}
	}
	if err := nothing(s.names(t, s.hub, "propagationpolicies,overridepolicies,resourcebindings")); err != nil {
		t.Errorf("withdrawn, and on the hub: %v", err)
	}
	if records := s.onHub(t, "get", "secrets,leases", "-n", "kubectl-fleet", "-o", "name").want(t, 0).stdout; strings.Contains(records, "set-"+s.name) {
		t.Errorf("withdrawn, and the hub remembers: %s", records)
	}
}

// names are those of what is in the shop's namespace.
func (s *hubShop) names(t *testing.T, cluster string, what ...string) []string {
	t.Helper()
	args := append([]string{"--context", cluster, "-n", s.name, "-o", "name", "get"}, what...)
	return strings.Fields(s.kubectl(t, args...).want(t, 0).stdout)
}

// set is a command about the set as the hub brought it.
func (s *hubShop) set(t *testing.T, verb string, more ...string) result {
	t.Helper()
	return s.run(t, append([]string{verb, s.name, "-C", strings.Join(s.in, ","), "--via", "karmada=" + s.hub}, more...)...)
}

// object is what a cluster has, without what every cluster adds for itself and
// what Karmada notes for itself; nil if it has none.
func (s *hubShop) object(t *testing.T, cluster, what string) map[string]any {
	t.Helper()
	got := s.kubectl(t, "--context", cluster, "get", what, "-n", s.name, "-o", "json", "--ignore-not-found").want(t, 0)
	if strings.TrimSpace(got.stdout) == "" {
		return nil
	}
	o := unstructured.Unstructured{}
	if err := o.UnmarshalJSON([]byte(got.stdout)); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	delete(o.Object, "status")
	strangers := func(notes map[string]string) map[string]string {
		for key := range notes {
			if strings.Contains(key, "karmada.io/") || key == "deployment.kubernetes.io/revision" {
				delete(notes, key)
			}
		}
		if len(notes) == 0 {
			return nil
		}
		return notes
	}
	o.SetLabels(strangers(o.GetLabels()))
	o.SetAnnotations(strangers(o.GetAnnotations()))
	return o.Object
}

// image is that of the workload in a cluster.
func (s *hubShop) image(t *testing.T, cluster string) string {
	t.Helper()
	return s.kubectl(t, "--context", cluster, "get", "deploy/web", "-n", s.name, "-o", "jsonpath={.spec.template.spec.containers[0].image}").want(t, 0).stdout
}
