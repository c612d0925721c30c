package hub

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	fields, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(fields); err != nil {
		t.Fatal(err)
	}
	return o
}

// A Work may be of a former version of a template that has no generation.
func TestWorkBehindItsTemplate(t *testing.T) {
	t.Parallel()
	const stale = "its Work does not have the change yet"
	const template = "{kind: ConfigMap, metadata: {name: web, uid: x, resourceVersion: '7', labels: {app: web, propagationpolicy.karmada.io/permanent-id: a}}, data: {a: '1', b/c: '2'}}"
	overridden := map[string]string{"policy.karmada.io/applied-overrides": `[{"policyName": "web", "overriders": {"plaintext": [{"path": "/data/b~1c", "operator": "replace", "value": "3"}]}}]`}
	for _, tc := range []struct {
		name, template, manifest string
		notes                    map[string]string
		want                     string
	}{
		{"the same", template, "{kind: ConfigMap, metadata: {name: web, labels: {app: web, work.karmada.io/permanent-id: b}, annotations: {other: x}}, data: {a: '1', b/c: '2'}}", nil, ""},
		{"another value", template, "{kind: ConfigMap, metadata: {name: web, labels: {app: web}}, data: {a: '0', b/c: '2'}}", nil, stale},
		{"a value less", template, "{kind: ConfigMap, metadata: {name: web, labels: {app: web}}, data: {a: '1'}}", nil, stale},
		{"a value that is gone", template, "{kind: ConfigMap, metadata: {name: web, labels: {app: web}}, data: {a: '1', b/c: '2', c: '3'}}", nil, stale},
		{"another label", template, "{kind: ConfigMap, metadata: {name: web, labels: {app: wob}}, data: {a: '1', b/c: '2'}}", nil, stale},
		{"overridden", template, "{kind: ConfigMap, metadata: {name: web, labels: {app: web}}, data: {a: '1', b/c: '3'}}", overridden, ""},
		{"overridden, and another value", template, "{kind: ConfigMap, metadata: {name: web, labels: {app: web}}, data: {a: '0', b/c: '3'}}", overridden, stale},
		{"no note that can be read", template, template, map[string]string{"policy.karmada.io/applied-overrides": "{"}, stale},
		{
			"what each cluster has of its own", "{kind: Service, metadata: {name: web}, spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], selector: {app: web}}, status: {loadBalancer: {}}}",
			"{kind: Service, metadata: {name: web}, spec: {selector: {app: web}}}", nil, "",
		},
		{
			"what each cluster fills in", "{kind: Secret, type: kubernetes.io/service-account-token, metadata: {name: web, annotations: {kubernetes.io/service-account.uid: x}}, data: {token: eA==}}",
			"{kind: Secret, type: kubernetes.io/service-account-token, metadata: {name: web}, data: null}", nil, "",
		},
		{
			"a former generation", "{kind: Deployment, metadata: {name: web, generation: 3}}",
			"{kind: Deployment, metadata: {name: web, annotations: {resourcetemplate.karmada.io/generation: '2'}}}", nil, "its Work is of generation 2, and 3 is wanted",
		},
		{
			"a later generation", "{kind: Deployment, metadata: {name: web, generation: 3}, spec: {replicas: 2}}",
			"{kind: Deployment, metadata: {name: web, annotations: {resourcetemplate.karmada.io/generation: '4'}}, spec: {replicas: 1}}", nil, "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := &work{}
			w.Annotations = maps.Clone(tc.notes)
			w.Spec.Workload.Manifests = []map[string]any{object(t, tc.manifest).Object}
			if got := w.behind(object(t, tc.template), object(t, tc.template), nil); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// What the set had before and has no longer must go from Works and clusters; what
// others have added there is none of its business.
func TestRemainsOfFormerVersions(t *testing.T) {
	t.Parallel()
	const now = "{kind: Deployment, metadata: {name: web, generation: 3, labels: {app: web}, annotations: {b: '2', of: us}}}"
	before := []string{
		"{kind: Deployment, metadata: {name: web, generation: 3, labels: {app: web, tier: front, x.karmada.io/y: z}, annotations: {a/b: '1', b: '1'}}}",
		"{kind: Deployment, metadata: {name: web, generation: 3, labels: {app: web}, annotations: {b: '0', of: us}}}",
	}
	manifest := func(labels, annotations string) string {
		return "{kind: Deployment, metadata: {name: web, labels: " + labels + ", annotations: {resourcetemplate.karmada.io/generation: '3'" + annotations + "}}}"
	}
	for _, tc := range []struct {
		name, manifest, overrides string
		want                      bool
	}{
		{"as it should be", manifest("{app: web}", ", b: '2', of: us"), "", false},
		{"a label that is gone", manifest("{app: web, tier: front}", ", b: '2', of: us"), "", true},
		{"an annotation that is gone", manifest("{app: web}", ", b: '2', of: us, a/b: '1'"), "", true},
		{"a value", manifest("{app: web}", ", b: '1', of: us"), "", true},
		{"a value before that", manifest("{app: web}", ", b: '0', of: us"), "", true},
		{"a note that is new", manifest("{app: web}", ", b: '2'"), "", true},
		{"what others added and changed", manifest("{app: web, tier: back, other: x, x.karmada.io/y: z}", ", b: '3', of: us, c: d"), "", false},
		{"overridden", manifest("{app: web, tier: front}", ", b: '2', of: us"), `[{"policyName": "web", "overriders": {"labelsOverrider": [{"operator": "add", "value": {"tier": "front"}}]}}]`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := &work{}
			w.Annotations = map[string]string{"policy.karmada.io/applied-overrides": tc.overrides}
			w.Spec.Workload.Manifests = []map[string]any{object(t, tc.manifest).Object}
			var former []*unstructured.Unstructured
			for _, text := range before {
				former = append(former, object(t, text))
			}
			if got := w.behind(object(t, now), object(t, now), former); (got != "") != tc.want {
				t.Errorf("behind: %q", got)
			}
		})
	}
}

// An override has no generation: what it changes must be in the cluster, whether it is
// there now or was there before.
func TestOverridesAsBefore(t *testing.T) {
	t.Parallel()
	deployment := func(fields string) string {
		return "{kind: Deployment, apiVersion: apps/v1, metadata: {name: web, generation: 3}, spec: {" + fields + "}}"
	}
	limit := func(cpu string) string { return "resources: {limits: {cpu: " + cpu + "}}" }
	for _, tc := range []struct {
		name, before, now, is string
		// was and overridden are the paths that were overridden, and are.
		was, overridden string
		want            bool
	}{
		{"not there yet", "replicas: 2", "replicas: 3", "replicas: 2", "", "/spec/replicas", true},
		{"there", "replicas: 2", "replicas: 3", "replicas: 3", "", "/spec/replicas", false},
		{"not undone yet", "replicas: 3", "replicas: 2", "replicas: 3", "/spec/replicas", "", true},
		{"undone", "replicas: 3", "replicas: 2", "replicas: 2", "/spec/replicas", "", false},
		{"as somebody else wants it", "replicas: 2", "replicas: 3", "replicas: 7", "", "/spec/replicas", false},
		{"the same as before", "replicas: 3", "replicas: 3", "replicas: 7", "/spec/replicas", "/spec/replicas", false},
		{"of the template, which has a generation", "replicas: 2", "replicas: 3", "replicas: 2", "", "/spec/paused", false},
		{"a container more", "containers: [{name: a}]", "containers: [{name: a}, {name: b}]", "containers: [{name: a, tty: true}]", "", "/spec/containers", true},
		{"a container more, with what it is not told", "containers: [{name: a}]", "containers: [{name: a}, {name: b}]", "containers: [{name: a}, {name: b, tty: true}]", "", "/spec/containers", false},
		{"a quantity as the API server writes it", limit("1000m"), limit("2"), limit("'1'"), "", "/spec/resources", true},
		{"what it does not say yet", "template: {a: 1}", "template: {a: 2, b: 1}", "template: {b: 1}", "", "/spec/template", false},
		{"in a list, another one", "args: [a]", "args: [b]", "args: [c]", "", "/spec/args", false},
		{"below what is overridden", "template: {a: 1}", "template: {a: 2}", "template: {a: 1}", "", "/spec", true},
		{"above what is overridden", "template: {a: 1}", "", "template: {a: 1}", "", "/spec/template/a", true},
		{"another version, and the same number", "image: '1.10'", "image: '1.1'", "image: '1.1'", "", "/spec/image", false},
		{"a version before, and the same number", "image: '1.10'", "image: '1.1'", "image: '1.10'", "", "/spec/image", true},
		{"gone, but for what says nothing", "template: {a: 1, b: false}", "", "template: {a: 1}", "/spec/template", "", true},
		{"a field more", "", "paused: true", "", "", "/spec/paused", true},
		{"a field that says nothing", "", "paused: false", "", "", "/spec/paused", false},
		{"a field that said nothing", "paused: false", "", "", "/spec/paused", "", false},
		{"a field that said nothing, and is to say it", "paused: false", "paused: true", "", "", "/spec/paused", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			fields := func(text string) *unstructured.Unstructured { return object(t, deployment(text)) }
			w := &work{}
			if tc.overridden != "" {
				w.Annotations = map[string]string{"policy.karmada.io/applied-overrides": `[{"policyName": "web", "overriders": {"plaintext": [{"path": "` + tc.overridden + `", "operator": "replace", "value": 0}]}}]`}
			}
			now := fields(tc.now)
			now.SetAnnotations(map[string]string{generationAnnotation: "3"})
			w.Spec.Workload.Manifests = []map[string]any{now.Object}
			var was []string
			if tc.was != "" {
				was = []string{tc.was}
			}
			template := object(t, deployment(""))
			former := []*unstructured.Unstructured{fields(tc.before)}
			if got := w.isAsBefore(fields(tc.is), template, []*unstructured.Unstructured{template}, former, was); got != tc.want {
				t.Errorf("%v, want %v", got, tc.want)
			}
		})
	}
}

// The versions that a set had before are all remembered, each as it was overridden then
// for a cluster.
func TestFormerVersions(t *testing.T) {
	t.Parallel()
	const override = "{kind: OverridePolicy, apiVersion: policy.karmada.io/v1alpha1, metadata: {name: web, namespace: a}, spec: {resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: web}], overrideRules: [{targetCluster: {clusterNames: [c2]}, overriders: {plaintext: [{path: /spec/replicas, operator: replace, value: 5}]}}]}}"
	p := planOf(nil)
	var err error
	p.former, err = versionsIn([]*set.Revision{
		{Number: 1, Objects: []*unstructured.Unstructured{object(t, deployment), object(t, override)}},
		{Number: 2, Objects: []*unstructured.Unstructured{object(t, strings.Replace(deployment, "replicas: 2", "replicas: 3", 1))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	newer := changeOf(t, direct.ActionUpdate, strings.Replace(deployment, "apps/v1", "apps/v2", 1))
	for cluster, want := range map[string]string{"c1": "2 3 []", "c2": "5 3 [/spec/replicas]"} {
		former, paths := p.formerIn(newer, cluster)
		var is []string
		for _, o := range former {
			replicas, _, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
			is = append(is, strconv.FormatInt(replicas, 10))
		}
		if got := strings.Join(is, " ") + " " + fmt.Sprint(paths); got != want {
			t.Errorf("%s had %s, want %s", cluster, got, want)
		}
	}
	if plain := p.formerOf(newer); len(plain) != 2 {
		t.Errorf("%d versions, want 2", len(plain))
	}
}
