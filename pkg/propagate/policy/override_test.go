package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
)

const app = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {app: web, tier: front}
spec:
  replicas: 2
  template:
    spec:
      containers:
      - {name: web, image: docker.io/library/nginx:1.25, args: [--a, --b]}
      - {name: side, image: busybox}
      initContainers:
      - {name: init, image: busybox}
---
`

// at is the value at a path of an object, as JSON.
func at(t *testing.T, object map[string]any, path string) string {
	t.Helper()
	var value any = object
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				return "<none>"
			}
			value = v[i]
		default:
			return "<none>"
		}
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func TestOverride(t *testing.T) {
	const config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata:\n  a.json: '{\"x\": {\"a\": 1}, \"l\": [1, 2]}'\n  a.yaml: |\n    # gone\n    x: {a: 1}\n---\n"
	const containers = "spec.template.spec.containers."
	for _, c := range []struct{ name, object, overriders, path, want string }{
		{"replace", app, "plaintext: [{path: /spec/replicas, operator: replace, value: 7}]", "spec.replicas", "7"},
		{"add", app, "plaintext: [{path: /spec/paused, operator: add, value: true}]", "spec.paused", "true"},
		{"add to a list", app, "plaintext: [{path: /spec/template/spec/containers/-, operator: add, value: {name: x}}]", containers + "2.name", "x"},
		{"insert in a list", app, "plaintext: [{path: /spec/template/spec/containers/0, operator: add, value: {name: x}}]", containers + "1.name", "web"},
		{"remove", app, "plaintext: [{path: /spec/replicas, operator: remove}]", "spec.replicas", "null"},
		{"null", app, "plaintext: [{path: /spec/replicas, operator: replace, value: null}]", "spec.replicas", "null"},
		{"escaped", app, "plaintext: [{path: /metadata/labels/a~1b, operator: add, value: c}]", "metadata.labels.a/b", "c"},
		{"one after the other", app, "plaintext: [{path: /spec/x, operator: add, value: {}}, {path: /spec/x/y, operator: add, value: 1}]", "spec.x.y", "1"},
		{"large numbers", app, "plaintext: [{path: /spec/x, operator: add, value: 9007199254740993}]", "spec.x", "9007199254740993"},

		{"registry", app, "imageOverrider: [{component: Registry, operator: replace, value: 'mirror.example:5000'}]", containers + "0.image", "mirror.example:5000/library/nginx:1.25"},
		{"registry of all containers", app, "imageOverrider: [{component: Registry, operator: replace, value: mirror.example}]", containers + "1.image", "mirror.example/busybox"},
		{"not of init containers", app, "imageOverrider: [{component: Registry, operator: replace, value: mirror.example}]", "spec.template.spec.initContainers.0.image", "busybox"},
		{"add a registry", app, "imageOverrider: [{component: Registry, operator: add, value: '.mirror'}]", containers + "0.image", "docker.io.mirror/library/nginx:1.25"},
		{"remove the registry", app, "imageOverrider: [{component: Registry, operator: remove}]", containers + "0.image", "library/nginx:1.25"},
		{"repository", app, "imageOverrider: [{component: Repository, operator: replace, value: a/b}]", containers + "0.image", "docker.io/a/b:1.25"},
		{"add to the repository", app, "imageOverrider: [{component: Repository, operator: add, value: -fips}]", containers + "0.image", "docker.io/library/nginx-fips:1.25"},
		{"tag", app, "imageOverrider: [{component: Tag, operator: replace, value: v2}]", containers + "1.image", "busybox:v2"},
		{"add to the tag", app, "imageOverrider: [{component: Tag, operator: add, value: -alpine}]", containers + "0.image", "docker.io/library/nginx:1.25-alpine"},
		{"remove the tag", app, "imageOverrider: [{component: Tag, operator: remove}]", containers + "0.image", "docker.io/library/nginx"},
		{"a digest", app, "imageOverrider: [{component: Tag, operator: replace, value: 'sha256:50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c'}]",
			containers + "1.image", "busybox@sha256:50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"},
		{"one image", app, "imageOverrider: [{component: Tag, operator: replace, value: v2, predicate: {path: /spec/template/spec/initContainers/0/image}}]", "spec.template.spec.initContainers.0.image", "busybox:v2"},
		{"and no other", app, "imageOverrider: [{component: Tag, operator: replace, value: v2, predicate: {path: /spec/template/spec/initContainers/0/image}}]", containers + "1.image", "busybox"},
		{"an image of another kind", config, "imageOverrider: [{component: Tag, operator: replace, value: v2}]", "metadata.name", "web"},

		{"more arguments", app, "argsOverrider: [{containerName: web, operator: add, value: [--c]}]", containers + "0.args", "- --a\n- --b\n- --c"},
		{"fewer arguments", app, "argsOverrider: [{containerName: web, operator: remove, value: [--a, --x]}]", containers + "0.args", "- --b"},
		{"the first arguments", app, "argsOverrider: [{containerName: side, operator: add, value: [--c]}]", containers + "1.args", "- --c"},
		{"a command", app, "commandOverrider: [{containerName: side, operator: add, value: [sh]}]", containers + "1.command", "- sh"},
		{"no command", app, "commandOverrider: [{containerName: side, operator: add}]", containers + "1.command", "[]"},
		{"of no container", app, "commandOverrider: [{containerName: x, operator: add, value: [sh]}]", containers + "0.command", "null"},

		{"add a label", app, "labelsOverrider: [{operator: add, value: {x/y: z, app: other}}]", "metadata.labels", "app: other\ntier: front\nx/y: z"},
		{"replace labels that are there", app, "labelsOverrider: [{operator: replace, value: {tier: back, x: z}}]", "metadata.labels", "app: web\ntier: back"},
		{"remove labels that are there", app, "labelsOverrider: [{operator: remove, value: {tier: '', x: ''}}]", "metadata.labels", "app: web"},
		{"the first annotation", app, "annotationsOverrider: [{operator: add, value: {x: z}}]", "metadata.annotations", "x: z"},
		{"replace no annotation", app, "annotationsOverrider: [{operator: replace, value: {x: z}}]", "metadata.annotations", "null"},

		{"in JSON", config, "fieldOverrider: [{fieldPath: /data/a.json, json: [{subPath: /x/a, operator: replace, value: 2}, {subPath: /l/-, operator: add, value: 3}]}]", "data.a~json", ""},
		{"in YAML", config, "fieldOverrider: [{fieldPath: /data/a.yaml, yaml: [{subPath: /x/z, operator: add, value: [1]}]}]", "data.a~yaml", ""},

		{"the order of the sorts", app, "plaintext: [{path: /metadata/labels/app, operator: replace, value: last}], labelsOverrider: [{operator: replace, value: {app: first}}]", "metadata.labels.app", "last"},
	} {
		s, rest := split(t, c.object+"apiVersion: policy.karmada.io/v1alpha1\nkind: OverridePolicy\nmetadata: {name: o, namespace: shop}\nspec: {overrideRules: [{overriders: {"+c.overriders+"}}]}\n")
		if _, err := s.Override(rest[0].Unstructured, policy.Target{Name: "a"}); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if strings.HasPrefix(c.name, "in ") {
			data := rest[0].Object["data"].(map[string]any)
			got := fmt.Sprint(data["a.json"], data["a.yaml"])
			want := map[string]string{"in JSON": "{\"x\":{\"a\":2},\"l\":[1,2,3]}# gone\nx: {a: 1}\n", "in YAML": "{\"x\": {\"a\": 1}, \"l\": [1, 2]}x:\n  a: 1\n  z:\n  - 1\n"}[c.name]
			if got != want {
				t.Errorf("%s: %s, want %s", c.name, got, want)
			}
			continue
		}
		if got := at(t, rest[0].Object, c.path); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestOverrideErrors(t *testing.T) {
	for _, c := range []struct{ overriders, want string }{
		{"plaintext:\n      - {path: /spec/replicas, operator: replace, value: 1}\n      - {path: /spec/none/x, operator: add, value: 1}",
			"f:25: spec.overrideRules[0].overriders.plaintext[1]: Deployment shop/web cannot be changed so: "},
		{"plaintext: [{path: /spec/none, operator: remove}]", "f:23: spec.overrideRules[0].overriders.plaintext[0]: "},
		{"plaintext: [{path: /kind, operator: remove}]", "f:23: spec.overrideRules[0].overriders.plaintext[0]: Deployment shop/web cannot be changed so: what is left has no apiVersion, kind and name"},
		{"plaintext: [{path: /metadata, operator: replace, value: 1}]", "f:23: spec.overrideRules[0].overriders.plaintext[0]: Deployment shop/web cannot be changed so: what is left has no apiVersion, kind and name"},
		{"imageOverrider: [{component: Tag, operator: remove, predicate: {path: /spec/image}}]", "f:23: spec.overrideRules[0].overriders.imageOverrider[0]: "},
		{"imageOverrider: [{component: Tag, operator: remove, predicate: {path: /spec/replicas}}]", "f:23: spec.overrideRules[0].overriders.imageOverrider[0]: "},
		{"imageOverrider: [{component: Repository, operator: replace, value: 'a b'}, {component: Tag, operator: remove}]", "f:23: spec.overrideRules[0].overriders.imageOverrider[1]: "},
		{"fieldOverrider: [{fieldPath: /spec/replicas, json: [{subPath: /a, operator: add, value: 1}]}]", "f:23: spec.overrideRules[0].overriders.fieldOverrider[0]: "},
		{"fieldOverrider: [{fieldPath: /metadata/name, json: [{subPath: /a, operator: add, value: 1}]}]", "f:23: spec.overrideRules[0].overriders.fieldOverrider[0]: Deployment shop/web cannot be changed so: /metadata/name is not JSON"},
	} {
		s, rest := split(t, app+"apiVersion: policy.karmada.io/v1alpha1\nkind: OverridePolicy\nmetadata: {name: o, namespace: shop}\nspec:\n  overrideRules:\n  - overriders:\n      "+c.overriders+"\n")
		if _, err := s.Override(rest[0].Unstructured, policy.Target{Name: "a"}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v", c.overriders, err)
		}
	}
}

// Which rules count, in which order, and what is said of them.
func TestOverrideOrder(t *testing.T) {
	rule := func(kind, name, selectors, target string) string {
		ns := ""
		if !strings.HasPrefix(kind, "Cluster") {
			ns = ", namespace: shop"
		}
		return fmt.Sprintf("apiVersion: policy.karmada.io/v1alpha1\nkind: %s\nmetadata: {name: %s%s}\nspec: {resourceSelectors: [%s], overrideRules: [{%s overriders: {annotationsOverrider: [{operator: add, value: {%s: x, last: %s}}]}}]}\n---\n",
			kind, name, ns, selectors, target, name, name)
	}
	const byName, byLabel, byKind = "{apiVersion: apps/v1, kind: Deployment, name: web}", "{apiVersion: apps/v1, kind: Deployment, labelSelector: {matchLabels: {app: web}}}", "{apiVersion: apps/v1, kind: Deployment}"
	for _, c := range []struct {
		name, policies, last string
		changes              []string
	}{
		{"the namespace's after those for all", rule("OverridePolicy", "a", "", "") + rule("ClusterOverridePolicy", "b", byName, ""), "a", []string{"ClusterOverridePolicy b", "OverridePolicy shop/a"}},
		{"the closer, the later", rule("OverridePolicy", "a", byName, "") + rule("OverridePolicy", "b", byKind, "") + rule("OverridePolicy", "c", byLabel, "") + rule("OverridePolicy", "d", "", ""), "a",
			[]string{"OverridePolicy shop/b", "OverridePolicy shop/d", "OverridePolicy shop/c", "OverridePolicy shop/a"}},
		{"by name", rule("OverridePolicy", "b", "", "") + rule("OverridePolicy", "a", "", ""), "b", []string{"OverridePolicy shop/a", "OverridePolicy shop/b"}},
		{"of these clusters", rule("OverridePolicy", "a", "", "targetCluster: {clusterNames: [a]},") + rule("OverridePolicy", "b", "", "targetCluster: {clusterNames: [b]},"), "a", []string{"OverridePolicy shop/a"}},
		{"of these objects", rule("OverridePolicy", "a", "{apiVersion: v1, kind: Pod}", ""), "<none>", nil},
	} {
		s, rest := split(t, app+c.policies)
		changes, err := s.Override(rest[0].Unstructured, policy.Target{Name: "a"})
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, change := range changes {
			if change.Path == "/metadata/annotations/last" {
				said = append(said, change.Policy)
			}
		}
		if got := at(t, rest[0].Object, "metadata.annotations.last"); got != c.last || !cmp.Equal(said, c.changes) {
			t.Errorf("%s: last %s, want %s\n%s", c.name, got, c.last, cmp.Diff(said, c.changes))
		}
	}
}

// The deprecated form of one rule counts still; what changes nothing is not said.
func TestOverrideDeprecated(t *testing.T) {
	s, rest := split(t, app+`apiVersion: policy.karmada.io/v1alpha1
kind: OverridePolicy
metadata: {name: o, namespace: shop}
spec:
  targetCluster: {clusterNames: [a]}
  overriders:
    plaintext:
    - {path: /spec/replicas, operator: replace, value: 2}
    - {path: /spec/paused, operator: add, value: true}
`)
	for cluster, want := range map[string][]policy.Change{"a": {{Policy: "OverridePolicy shop/o", Origin: rest[0].Origin, Path: "/spec/paused"}}, "b": nil} {
		for i := range want {
			want[i].Origin.Line = 25
		}
		changes, err := s.Override(rest[0].DeepCopy(), policy.Target{Name: cluster})
		if err != nil || !cmp.Equal(changes, want) {
			t.Errorf("%s: %v\n%s", cluster, err, cmp.Diff(changes, want))
		}
	}
}
