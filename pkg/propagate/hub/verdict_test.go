package hub

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// bound is a binding that Karmada has scheduled to c1 and c2, and brought to c1, with
// some fields of its spec and status replaced by those of text.
func bound(t *testing.T, text string) *binding {
	t.Helper()
	o := object(t, `{kind: ResourceBinding, metadata: {name: web, generation: 4},
spec: {clusters: [{name: c1}, {name: c2}], placement: {clusterAffinity: {clusterNames: [c1, c2, c3]}}},
status: {schedulerObservedGeneration: 4, conditions: [{type: Scheduled, status: "True"}],
aggregatedStatus: [{clusterName: c1, applied: true, health: Healthy, status: {resourceTemplateGeneration: 7}}]}}`)
	for _, part := range []string{"spec", "status"} {
		replaced, _, _ := unstructured.NestedMap(object(t, "{kind: ResourceBinding, "+text[1:]).Object, part)
		for field, value := range replaced {
			if err := unstructured.SetNestedField(o.Object, value, part, field); err != nil {
				t.Fatal(err)
			}
		}
	}
	b := &binding{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, b); err != nil {
		t.Fatal(err)
	}
	return b
}

// Where Karmada has scheduled a template counts when its scheduler has seen what is to
// be scheduled.
func TestVerdictOnPlacement(t *testing.T) {
	t.Parallel()
	const noType = `{status: {schedulerObservedGeneration: 3, conditions: [{type: Scheduled, status: "False", reason: NoClusterFit, message: "1 cluster(s) did not have the API resource"}]}}`
	for _, tc := range []struct {
		name, binding, cluster string
		defined                bool
		want                   verdict
	}{
		{"there", "{status: {}}", "c2", false, verdict{}},
		{"not seen", "{status: {schedulerObservedGeneration: 3}}", "c1", false, verdict{waiting: "Karmada's scheduler has not seen it yet"}},
		{"not meant", "{status: {}}", "c4", false, verdict{elsewhere: true}},
		{"excluded", "{spec: {placement: {clusterAffinity: {clusterNames: [c1, c3], exclude: [c3]}}}}", "c3", false, verdict{elsewhere: true}},
		{"spread", "{spec: {placement: {clusterAffinity: {clusterNames: [c1, c3]}, spreadConstraints: [{spreadByField: cluster, maxGroups: 1}]}}}", "c3", false, verdict{elsewhere: true}},
		{"divided", "{spec: {placement: {clusterAffinity: {clusterNames: [c1, c3]}, replicaScheduling: {replicaSchedulingType: Divided}}}}", "c3", false, verdict{elsewhere: true}},
		{"not scheduled", noType, "c1", false, verdict{failing: "not scheduled (NoClusterFit): 1 cluster(s) did not have the API resource"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := bound(t, tc.binding).placed(tc.cluster, nil, func() bool { return tc.defined }); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
	left := bound(t, "{status: {}}")
	if got := left.placed("c3", nil, func() bool { return false }); got != (verdict{waiting: "Karmada has not scheduled it to the cluster", unscheduled: left}) {
		t.Errorf("scheduled, and not to c3: %+v", got)
	}
	b := bound(t, noType)
	if got := b.placed("c1", nil, func() bool { return true }); got.unscheduled != b || got.failing != "" {
		t.Errorf("of a type that comes with it: %+v", got)
	}
}

// What Karmada has brought to a cluster is done when it says so of the Work as it is
// now.
func TestVerdictOnDelivery(t *testing.T) {
	t.Parallel()
	const applied = `{status: {conditions: [{type: Applied, status: "True"}]}, spec: {workload: {manifests: [{metadata: {annotations: {resourcetemplate.karmada.io/generation: "7"}}}]}}}`
	for _, tc := range []struct {
		name, work, binding, cluster string
		want                         verdict
	}{
		{"done", applied, "{status: {}}", "c1", verdict{current: true}},
		{"suspended", `{status: {conditions: [{type: Applied, status: "True"}]}, spec: {suspendDispatching: true}}`, "{status: {}}", "c1", verdict{waiting: "its Work is suspended"}},
		{"not applied yet", "{spec: {}}", "{status: {}}", "c1", verdict{waiting: "not applied yet"}},
		{"not applied", `{status: {conditions: [{type: Applied, status: "False", message: "no "}]}}`, "{status: {}}", "c1", verdict{failing: "not applied: no"}},
		{"unknown", applied, "{status: {}}", "c2", verdict{waiting: "nothing is known of it in the cluster yet"}},
		{"not said to be applied", applied, "{status: {aggregatedStatus: [{clusterName: c1, appliedMessage: soon}]}}", "c1", verdict{waiting: "soon"}},
		{"of the former generation", applied, "{status: {aggregatedStatus: [{clusterName: c1, applied: true, health: Healthy, status: {resourceTemplateGeneration: 6}}]}}", "c1", verdict{waiting: "its status is of the former generation"}},
		{"without a generation", applied, "{status: {aggregatedStatus: [{clusterName: c1, applied: true, health: Healthy}]}}", "c1", verdict{current: true}},
		{"unhealthy", applied, "{status: {aggregatedStatus: [{clusterName: c1, applied: true, health: Unhealthy, status: {phase: Pending}}]}, spec: {resource: {apiVersion: v1, kind: PersistentVolumeClaim}}}", "c1", verdict{waiting: "it is Unhealthy: PVC is not Bound. phase: Pending"}},
		{"of unknown health", applied, "{status: {aggregatedStatus: [{clusterName: c1, applied: true}]}}", "c1", verdict{waiting: "it is Unknown"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := &work{}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object(t, "{kind: Work, "+tc.work[1:]).Object, w); err != nil {
				t.Fatal(err)
			}
			if got := w.delivered(bound(t, tc.binding), tc.cluster); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// Why a template is not healthy is what the direct engine would say of the object, by what
// Karmada keeps of its status; and nothing, where that does not tell.
func TestUnhealthyWhy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, kind, spec, status, want string }{
		{"no pod is ready", "apiVersion: apps/v1, kind: Deployment", "{replicas: 2, progressDeadlineSeconds: 600}",
			"{generation: 3, observedGeneration: 3, replicas: 2, updatedReplicas: 2, unavailableReplicas: 2}", "it is Unhealthy: Available: 0/2"},
		{"a rollout is stuck", "apiVersion: apps/v1, kind: Deployment", "{replicas: 2, progressDeadlineSeconds: 600}",
			"{generation: 3, observedGeneration: 3, replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2}", "it is Unhealthy: Updated: 1/2"},
		{"its controller is behind", "apiVersion: apps/v1, kind: Deployment", "{replicas: 2}",
			"{generation: 4, observedGeneration: 3, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}",
			"it is Unhealthy: Deployment generation is 4, but latest observed generation is 3"},
		{"no address", "apiVersion: v1, kind: Service", "{type: LoadBalancer}", "{loadBalancer: {}}", "it is Unhealthy: no load balancer has given it an address"},
		{"nobody knows", "apiVersion: v1, kind: ConfigMap", "{}", "{}", "it is Unhealthy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := bound(t, "{spec: {resource: {"+tc.kind+"}}, status: {aggregatedStatus: [{clusterName: c1, applied: true, health: Unhealthy, status: "+tc.status+"}]}}")
			if got := b.unhealthy("c1", object(t, "{kind: Any, spec: "+tc.spec+"}").Object["spec"].(map[string]any)); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// A binding counts when it was made of the template and of the set's policy as they are.
func TestBindingBehind(t *testing.T) {
	t.Parallel()
	b := bound(t, "{spec: {resource: {resourceVersion: '10'}}}")
	b.Labels = map[string]string{"propagationpolicy.karmada.io/permanent-id": "a"}
	for version, knows := range map[string]bool{"9": true, "10": true, "11": false, "100": false, "of another sort": true} {
		o := &unstructured.Unstructured{}
		o.SetResourceVersion(version)
		if b.knows(o) != knows {
			t.Errorf("of version 10, and the template is of %s: %v, want %v", version, b.knows(o), knows)
		}
	}
	const policy = "{kind: PropagationPolicy, metadata: {labels: {propagationpolicy.karmada.io/permanent-id: ID}}, spec: {placement: {clusterAffinity: {clusterNames: [CLUSTERS]}}}}"
	for _, tc := range []struct{ id, clusters, want string }{
		{"a", "c1, c2, c3", ""},
		{"a", "c1, c2", "Karmada has not seen the change of the policy yet"},
		{"b", "c1, c2, c3", "Karmada has it by a policy that is not of the set"},
	} {
		one := object(t, strings.NewReplacer("ID", tc.id, "CLUSTERS", tc.clusters).Replace(policy))
		if got := b.unplaced([]*unstructured.Unstructured{one}); got != tc.want {
			t.Errorf("%s for %s: %q, want %q", tc.id, tc.clusters, got, tc.want)
		}
	}
	b.Spec.Placement = nil
	if got := b.unplaced([]*unstructured.Unstructured{object(t, strings.NewReplacer("ID", "a", "CLUSTERS", "c1").Replace(policy))}); got == "" {
		t.Error("without a placement it has that of the policy")
	}
	b.Labels = nil // of no policy, as a policy is which Karmada has not seen
	if isBoundBy(b, object(t, "{kind: PropagationPolicy, metadata: {name: web}}")) {
		t.Error("a policy without an ID has made it")
	}
}

// A Work counts when it was made with the overrides as they are; of the last one that is
// gone Karmada leaves the note.
func TestOverriddenInAWork(t *testing.T) {
	t.Parallel()
	template := object(t, "{kind: ConfigMap, apiVersion: v1, metadata: {name: web, namespace: a}, data: {a: '1'}}")
	note := func(policy, value string) string {
		return `[{"policyName": "` + policy + `", "overriders": {"plaintext": [{"path": "/data/a", "operator": "replace", "value": "` + value + `"}]}}]`
	}
	for _, tc := range []struct {
		name, wanted, noted, value string
		want                       bool
	}{
		{"as wanted", "2", note("web-x", "2"), "2", true},
		{"not yet", "2", "", "1", false},
		{"with the value before", "2", note("web-x", "3"), "3", false},
		{"none wanted", "", "", "1", true},
		{"none wanted, and the note left", "", note("web-x", "2"), "1", true},
		{"none wanted, and not undone", "", note("web-x", "2"), "2", false},
		{"another's", "", note("theirs", "2"), "2", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := &Plan{overrides: []string{"web-x"}, overridden: map[overrideKey]appliedOverride{}}
			if tc.wanted != "" {
				var wanted []appliedOverride
				if err := json.Unmarshal([]byte(note("web-x", tc.wanted)), &wanted); err != nil {
					t.Fatal(err)
				}
				p.overridden[overrideKey{set.RefOf(template).String(), "c1"}] = wanted[0]
			}
			w := &work{}
			w.Annotations = map[string]string{"policy.karmada.io/applied-overrides": tc.noted}
			made := template.DeepCopy()
			if err := unstructured.SetNestedField(made.Object, tc.value, "data", "a"); err != nil {
				t.Fatal(err)
			}
			w.Spec.Workload.Manifests = []map[string]any{made.Object}
			if got := p.overriddenIn(w, template, "c1"); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// The status of a workload counts when it is of its generation in the cluster.
func TestStatusOfAGeneration(t *testing.T) {
	t.Parallel()
	for text, older := range map[string]bool{"{generation: 3}": true, "{generation: 4}": false, "{generation: 5}": false, "{}": false} {
		b := bound(t, "{status: {aggregatedStatus: [{clusterName: c2, status: {generation: 9}}, {clusterName: c1, status: "+text+"}]}}")
		status, known := b.statusIn("c1")
		if !known || status.isOlder(4) != older {
			t.Errorf("%s: %v, of before generation 4: %v, want %v", text, known, !older, older)
		}
	}
}
