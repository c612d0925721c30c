package drift_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
)

func object(t testing.TB, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	return u
}

func options(t testing.TB, ignore string) drift.Options {
	t.Helper()
	if ignore == "" {
		return drift.Options{}
	}
	paths, err := drift.ParsePaths(ignore)
	if err != nil {
		t.Fatal(err)
	}
	return drift.Options{Ignore: paths}
}

const (
	pod       = "{apiVersion: v1, kind: Pod, metadata: {name: p"
	service   = "{apiVersion: v1, kind: Service, metadata: {name: s"
	secret    = "{apiVersion: v1, kind: Secret, metadata: {name: s"
	configMap = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c"
)

func TestFields(t *testing.T) {
	tests := []struct {
		name, ignore, a, b string
		want               []string // PATH: REFERENCE -> VALUE, as JSON
	}{
		{name: "equal", a: configMap + "}, data: {k: v}}", b: configMap + "}, data: {k: v}}"},
		{
			name: "what each cluster sets",
			a: configMap + `, uid: a, resourceVersion: "1", generation: 1, creationTimestamp: "2026-01-01T00:00:00Z", selfLink: /a, managedFields: [{manager: a}],
				ownerReferences: [{kind: Deployment, name: d, uid: a}], annotations: {kubectl.kubernetes.io/last-applied-configuration: a, kubectl-fleet.io/x: a, kubectl-fleet.io/cluster: a}}, status: {a: 1}}`,
			b: configMap + `, uid: b, resourceVersion: "2", generation: 2, creationTimestamp: "2026-02-02T00:00:00Z", ownerReferences: [{kind: Deployment, name: d, uid: b}]}}`,
		},
		{
			name: "a service's addresses",
			a:    service + "}, spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], healthCheckNodePort: 1, ports: [{port: 80, nodePort: 30001}]}}",
			b:    service + "}, spec: {clusterIP: 10.0.0.2, clusterIPs: [10.0.0.2], healthCheckNodePort: 2, ports: [{port: 80, nodePort: 30002}]}}",
		},
		{
			name: "headless is a choice",
			a:    service + "}, spec: {clusterIP: None, ports: []}}", b: service + "}, spec: {clusterIP: 10.0.0.2, ports: []}}",
			want: []string{`spec.clusterIP: "None" -> null`},
		},
		{
			name: "a pod's node and token",
			a:    pod + "}, spec: {nodeName: a, volumes: [{name: kube-api-access-abcde, projected: {}}], containers: [{name: c, volumeMounts: [{name: kube-api-access-abcde, mountPath: /t}]}]}}",
			b:    pod + "}, spec: {nodeName: b, volumes: [{name: kube-api-access-fghij, projected: {}}], containers: [{name: c, volumeMounts: [{name: kube-api-access-fghij, mountPath: /t}]}]}}",
		},
		{
			name: "containers and variables by name",
			a:    pod + "}, spec: {containers: [{name: x, image: x}, {name: web, image: 'w:1', env: [{name: A, value: a}, {name: B, value: b}]}]}}",
			b:    pod + "}, spec: {containers: [{name: web, image: 'w:2', env: [{name: A, value: a}, {name: B, value: c}]}, {name: x, image: x}]}}",
			want: []string{`spec.containers[name=web].env[name=B].value: "b" -> "c"`, `spec.containers[name=web].image: "w:1" -> "w:2"`},
		},
		{
			name: "an item more", a: pod + "}, spec: {containers: [{name: x}]}}", b: pod + "}, spec: {containers: [{name: x}, {name: z}]}}",
			want: []string{`spec.containers[name=z]: null -> {"name":"z"}`},
		},
		{
			name: "ports without names", a: service + "}, spec: {ports: [{port: 80, targetPort: 1}, {port: 81, targetPort: 1}]}}",
			b:    service + "}, spec: {ports: [{port: 81, targetPort: 1}, {port: 80, targetPort: 2}]}}",
			want: []string{`spec.ports[port=80].targetPort: 1 -> 2`},
		},
		{
			name: "order that matters",
			a:    pod + "}, spec: {initContainers: [{name: x}, {name: z}]}}", b: pod + "}, spec: {initContainers: [{name: z}, {name: x}]}}",
			want: []string{`spec.initContainers: ["x","z"] -> ["z","x"] order`},
		},
		{
			name: "arguments are one", a: pod + "}, spec: {containers: [{name: x, args: [a, b]}]}}", b: pod + "}, spec: {containers: [{name: x, args: [a, c]}]}}",
			want: []string{`spec.containers[name=x].args: ["a","b"] -> ["a","c"]`},
		},
		{
			name: "items without a key", a: pod + "}, spec: {tolerations: [{operator: Exists}, {operator: Exists, effect: x}]}}", b: pod + "}, spec: {tolerations: [{operator: Exists}]}}",
			want: []string{`spec.tolerations[1]: {"effect":"x","operator":"Exists"} -> null`},
		},
		{
			name: "an empty map is not none", a: pod + "}, spec: {volumes: [{name: v, emptyDir: {}}]}}", b: pod + "}, spec: {volumes: [{name: v}]}}",
			want: []string{`spec.volumes[name=v].emptyDir: {} -> null`},
		},
		{name: "null says nothing", a: pod + "}, spec: {x: null}}", b: pod + "}, spec: {}}"},
		{
			name: "names with dots", a: configMap + ", labels: {a.b/c: x}}}", b: configMap + ", labels: {a.b/c: z}}}",
			want: []string{`metadata.labels["a.b/c"]: "x" -> "z"`},
		},
		{name: "ignored field", ignore: "data.k", a: configMap + "}, data: {k: 1}}", b: configMap + "}}"},
		{
			name: "ignored by the path shown", ignore: `metadata.labels["a.b/c"],spec.containers[name=web].image,spec.ports[port=80,protocol=TCP]`,
			a: pod + ", labels: {a.b/c: x, z: z}}, spec: {containers: [{name: web, image: a}], ports: [{port: 80, protocol: TCP, x: 1}, {port: 80, protocol: UDP}]}}",
			b: pod + ", labels: {z: z}}, spec: {containers: [{name: web, image: b}], ports: [{port: 80, protocol: UDP}]}}",
		},
		{
			name: "ignored by patterns", ignore: "spec.containers[*].image,data.*",
			a: pod + "}, data: {x: 1, y: 2}, spec: {containers: [{name: web, image: a}, {name: x, image: a, tty: true}]}}",
			b: pod + "}, spec: {containers: [{name: web, image: b}, {name: x, image: b}]}}", want: []string{`spec.containers[name=x].tty: true -> null`},
		},
		{name: "all is ignored", ignore: "*", a: configMap + "}, data: {k: a}}", b: configMap + "}}"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, test.ignore)
			a, b := drift.Normal(object(t, test.a), o), drift.Normal(object(t, test.b), o)
			if diff := cmp.Diff(test.want, lines(t, drift.Fields(a, b))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func lines(t testing.TB, differences []v1alpha1.Difference) []string {
	t.Helper()
	var all []string
	for _, d := range differences {
		reference, err := json.Marshal(d.Reference)
		if err != nil {
			t.Fatal(err)
		}
		value, err := json.Marshal(d.Value)
		if err != nil {
			t.Fatal(err)
		}
		line := d.Path + ": " + string(reference) + " -> " + string(value)
		if d.Order {
			line += " order"
		}
		all = append(all, line)
	}
	return all
}

func TestAllFields(t *testing.T) {
	a := object(t, pod+", uid: a, annotations: {kubectl-fleet.io/cluster: a}}, status: {phase: Running}}")
	b := object(t, pod+", uid: b, annotations: {kubectl-fleet.io/cluster: b}}, status: {phase: Failed}}")
	o := drift.Options{AllFields: true}
	got := lines(t, drift.Fields(drift.Normal(a, o), drift.Normal(b, o)))
	want := []string{`metadata.uid: "a" -> "b"`, `status.phase: "Running" -> "Failed"`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a.GetUID() != "a" || a.GetAnnotations()["kubectl-fleet.io/cluster"] != "a" {
		t.Error("the object given was changed")
	}
}

// No value of a Secret is in what is compared, wherever a tool has put it.
func TestSecretIsHashed(t *testing.T) {
	text := secret + ", annotations: {kubectl.kubernetes.io/last-applied-configuration: '{\"data\":{\"k\":\"dmFsdWU=\"}}', kapp: dmFsdWU=}}, data: {k: dmFsdWU=, same: eA==}, stringData: {k: dmFsdWU=}}"
	other := strings.ReplaceAll(text, "dmFsdWU=", "b3RoZXI=")
	for _, all := range []bool{false, true} {
		o := drift.Options{AllFields: all}
		a, b := drift.Normal(object(t, text), o), drift.Normal(object(t, other), o)
		differences := drift.Fields(a, b)
		shown, err := json.Marshal([]any{a, b, differences})
		if err != nil {
			t.Fatal(err)
		}
		for _, leak := range []string{"dmFsdWU", "b3RoZXI", "eA=="} {
			if strings.Contains(string(shown), leak) {
				t.Errorf("all=%v: %s is in %s", all, leak, shown)
			}
		}
		found := strings.Join(lines(t, differences), "\n")
		if !strings.Contains(found, `data.k: "sha256:`) || strings.Contains(found, "data.same") {
			t.Errorf("all=%v: %s", all, found)
		}
	}
}

func TestGroups(t *testing.T) {
	copyOf := func(cluster, value string) drift.Copy {
		return drift.Copy{Cluster: cluster, Object: map[string]any{"data": map[string]any{"k": value}}}
	}
	got := drift.Groups([]drift.Copy{copyOf("e", "3"), copyOf("d", "1"), copyOf("b", "2"), copyOf("a", "1"), copyOf("c", "2")}, []string{"z", "y"})
	want := []v1alpha1.ComparisonGroup{
		{Clusters: []string{"a", "d"}, Reference: true},
		{Clusters: []string{"b", "c"}, Differences: []v1alpha1.Difference{{Path: "data.k", Reference: "1", Value: "2"}}},
		{Clusters: []string{"e"}, Differences: []v1alpha1.Difference{{Path: "data.k", Reference: "1", Value: "3"}}},
		{Clusters: []string{"y", "z"}, Absent: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
