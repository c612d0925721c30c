package manifest

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestFromLive(t *testing.T) {
	live := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(`
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: shop
  uid: 1-2
  resourceVersion: "7"
  creationTimestamp: "2026-11-20T00:00:00Z"
  finalizers: [a/b]
  managedFields: [{manager: x}]
  labels: {app: web, applyset.kubernetes.io/part-of: x}
  annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}", team: a}
spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], ports: [{port: 80, nodePort: 30000}], selector: {app: web}}
status: {loadBalancer: {}}
`), &live.Object); err != nil {
		t.Fatal(err)
	}
	o, err := FromLive(live, "east")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := yaml.Marshal(o.Object)
	const want = `apiVersion: v1
kind: Service
metadata:
  annotations:
    team: a
  labels:
    app: web
  name: web
  namespace: shop
spec:
  ports:
  - port: 80
  selector:
    app: web
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	live.Object["metadata"].(map[string]any)["ownerReferences"] = []any{map[string]any{"kind": "Deployment", "name": "web", "apiVersion": "apps/v1", "uid": "1", "controller": true}}
	if _, err := FromLive(live, "east"); err == nil || !strings.Contains(err.Error(), "east: Service shop/web is made by Deployment web") {
		t.Errorf("of a controller: %v", err)
	}
}
