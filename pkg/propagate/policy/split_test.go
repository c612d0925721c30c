package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
)

// parse reads an input that is fine but for its policies.
func parse(tb testing.TB, text string) []manifest.Object {
	tb.Helper()
	objects, err := manifest.Parse("f", []byte(strings.TrimPrefix(text, "\n")))
	if err != nil {
		tb.Fatal(err)
	}
	return objects
}

// split is of an input whose policies are fine, too.
func split(tb testing.TB, text string) (*policy.Set, []manifest.Object) {
	tb.Helper()
	s, rest, err := policy.Split(parse(tb, text))
	if err != nil {
		tb.Fatal(err)
	}
	return s, rest
}

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {replicas: 10}
---
`

func TestSplitKeepsTheOthers(t *testing.T) {
	s, rest := split(t, `
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
apiVersion: policy.karmada.io/v1alpha1
kind: ClusterPropagationPolicy
metadata: {name: p}
spec: {resourceSelectors: [{apiVersion: v1, kind: ConfigMap}]}
---
{apiVersion: policy.karmada.io/v1alpha1, kind: FederatedResourceQuota, metadata: {name: q}}
---
{apiVersion: apps.kurator.dev/v1alpha1, kind: Application, metadata: {name: b}}
`)
	var names []string
	for _, o := range rest {
		names = append(names, o.What())
	}
	if want := []string{"ConfigMap a", "FederatedResourceQuota q", "Application b"}; !cmp.Equal(names, want) {
		t.Error(cmp.Diff(names, want))
	}
	if objects, err := s.Objects(); len(objects) != 1 || err != nil {
		t.Errorf("%v %v", objects, err)
	}
}

// What is wrong in a policy is said with the line of the field.
func TestSplitErrors(t *testing.T) {
	propagation := func(spec string) string {
		return "apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n" + spec
	}
	placement := func(spec string) string {
		return propagation("  resourceSelectors: [{apiVersion: v1, kind: ConfigMap}]\n  placement:\n" + spec)
	}
	rule := func(spec string) string {
		return "apiVersion: policy.karmada.io/v1alpha1\nkind: OverridePolicy\nmetadata: {name: o, namespace: shop}\nspec:\n  overrideRules:\n  - overriders:\n" + spec
	}
	distribution := func(spec string) string {
		return "apiVersion: policy.kurator.dev/v1alpha1\nkind: DistributionPolicy\nmetadata: {name: d}\nspec:\n  resourceSelectors: [{apiVersion: v1, kind: ConfigMap}]\n  placement:\n" + spec
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"unknown field", propagation("  resourceSelectors:\n  - apiVersion: v1\n    kind: ConfigMap\n    nam: x\n"), []string{"f:8: spec.resourceSelectors[0].nam: unknown field"}},
		{"unknown field of the top", propagation("  resourceSelectors: [{apiVersion: v1, kind: ConfigMap}]\nstatus: {}\n"), []string{"f:6: status: unknown field"}},
		{"several at once", propagation("  resourceSelectors: [{apiVersion: v1, kind: A}]\n  x: 1\n  priority: high\n"),
			[]string{"f:6: spec.x: unknown field", `f:7: spec.priority: it is "high", and has to be a whole number`}},
		{"a list is wanted", propagation("  resourceSelectors: {apiVersion: v1}\n"), []string{"f:5: spec.resourceSelectors: it is an object, and has to be a list"}},
		{"an object is wanted", propagation("  resourceSelectors: [v1]\n"), []string{`f:5: spec.resourceSelectors[0]: it is "v1", and has to be an object`}},
		{"a string is wanted", propagation("  resourceSelectors: [{apiVersion: 1, kind: A}]\n"), []string{"f:5: spec.resourceSelectors[0].apiVersion: it is 1, and has to be a string"}},
		{"too large for its type", propagation("  resourceSelectors: [{apiVersion: v1, kind: A}]\n  priority: 3000000000\n"), []string{"f:6: spec.priority: it is 3000000000, and has to be a whole number"}},
		{"a fraction", propagation("  resourceSelectors: [{apiVersion: v1, kind: A}]\n  priority: 1.5\n"), []string{"f:6: spec.priority: it is 1.5, and has to be a whole number"}},
		{"not a boolean", propagation("  resourceSelectors: [{apiVersion: v1, kind: A}]\n  propagateDeps: 'yes'\n"), []string{`f:6: spec.propagateDeps: it is "yes", and has to be true or false`}},
		{"labels are strings", propagation("  resourceSelectors:\n  - apiVersion: v1\n    kind: A\n    labelSelector: {matchLabels: {a: 1}}\n"), []string{"f:8: spec.resourceSelectors[0].labelSelector.matchLabels.a: it is 1, and has to be a string"}},
		{"nothing selected", propagation("  resourceSelectors: []\n"), []string{"f:5: spec.resourceSelectors: nothing is selected"}},
		{"no spec", "apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: p}\n", []string{"f:1: spec.resourceSelectors: nothing is selected"}},
		{"a selector without a kind", propagation("  resourceSelectors: [{apiVersion: v1}]\n"), []string{"f:5: spec.resourceSelectors[0].kind: it is missing"}},
		{"a selector of nothing", propagation("  resourceSelectors: [{kind: A}]\n"), []string{"f:5: spec.resourceSelectors[0].apiVersion: it is missing"}},
		{"another namespace", propagation("  resourceSelectors: [{apiVersion: v1, kind: A, namespace: b}]\n"),
			[]string{`f:5: spec.resourceSelectors[0].namespace: it is b, and the policy is in "shop": only a ClusterPropagationPolicy is for several namespaces`}},
		{"a label selector", propagation("  resourceSelectors:\n  - apiVersion: v1\n    kind: A\n    labelSelector:\n      matchExpressions: [{key: a, operator: Is}]\n"),
			[]string{`f:8: spec.resourceSelectors[0].labelSelector: "Is" is not a valid label selector operator`}},
		{"an enumeration", propagation("  resourceSelectors: [{apiVersion: v1, kind: A}]\n  conflictResolution: Force\n"), []string{`f:6: spec.conflictResolution: it is "Force", and has to be one of Abort, Overwrite`}},
		{"preemption", propagation("  resourceSelectors: [{apiVersion: v1, kind: A}]\n  preemption: Maybe\n  activationPreference: Eager\n"),
			[]string{`f:6: spec.preemption: it is "Maybe", and has to be one of Always, Never`, `f:7: spec.activationPreference: it is "Eager", and has to be one of Lazy`}},
		{"both affinities", placement("    clusterAffinity: {}\n    clusterAffinities: [{affinityName: a}]\n"), []string{"f:8: spec.placement.clusterAffinities: clusterAffinity is there, too: take one of them out"}},
		{"names of groups", placement("    clusterAffinities:\n    - affinityName: a\n    - affinityName: a\n    - {}\n"),
			[]string{`f:9: spec.placement.clusterAffinities[1].affinityName: "a" is the name of another group`, `f:10: spec.placement.clusterAffinities[2].affinityName: ""`}},
		{"a long name of a group", placement("    clusterAffinities:\n    - affinityName: a12345678901234567890123456789012\n"), []string{"must be no more than 32 characters"}},
		{"fields of clusters", placement("    clusterAffinity:\n      fieldSelector:\n        matchExpressions:\n        - {key: colour, operator: In, values: [a]}\n        - {key: region, operator: Exists}\n"),
			[]string{`f:10: spec.placement.clusterAffinity.fieldSelector.matchExpressions[0].key: it is "colour", and has to be one of provider, region, zone`,
				`f:11: spec.placement.clusterAffinity.fieldSelector.matchExpressions[1].operator: it is "Exists", and has to be one of In, NotIn`,
				"f:11: spec.placement.clusterAffinity.fieldSelector.matchExpressions[1].values: none is named"}},
		{"spread", placement("    spreadConstraints:\n    - {spreadByField: region, maxGroups: 1, minGroups: 2}\n    - {spreadByField: rack}\n    - {spreadByField: region, minGroups: -1}\n    - {maxGroups: -1, spreadByLabel: a, spreadByField: cluster}\n"),
			[]string{"f:8: spec.placement.spreadConstraints[0].maxGroups: it is 1, and minGroups is 2",
				`f:9: spec.placement.spreadConstraints[1].spreadByField: it is "rack", and has to be one of cluster, region, zone, provider`,
				"f:10: spec.placement.spreadConstraints[2].minGroups: it is -1", "f:10: spec.placement.spreadConstraints[2].spreadByField: region has a constraint already",
				"f:11: spec.placement.spreadConstraints[3].spreadByLabel: spreadByField is there, too", "f:11: spec.placement.spreadConstraints[3].maxGroups: it is -1"}},
		{"spread, but not by cluster", placement("    spreadConstraints: [{spreadByField: region, maxGroups: 2}]\n"), []string{"f:7: spec.placement.spreadConstraints: none of them is by cluster"}},
		{"division", placement("    replicaScheduling:\n      replicaSchedulingType: Halved\n      replicaDivisionPreference: Random\n"),
			[]string{`f:8: spec.placement.replicaScheduling.replicaSchedulingType: it is "Halved", and has to be one of Duplicated, Divided`,
				`f:9: spec.placement.replicaScheduling.replicaDivisionPreference: it is "Random", and has to be one of Aggregated, Weighted`}},
		{"weights", placement("    replicaScheduling:\n      weightPreference:\n        dynamicWeight: Cost\n        staticWeightList:\n        - {targetCluster: {clusterNames: [a]}, weight: 0}\n        - {targetCluster: {clusterNames: [b]}, weight: -3}\n        - targetCluster: {}\n"),
			[]string{`f:9: spec.placement.replicaScheduling.weightPreference.dynamicWeight: it is "Cost"`,
				"f:11: spec.placement.replicaScheduling.weightPreference.staticWeightList[0].weight: it is 0, and the least weight is 1",
				"f:12: spec.placement.replicaScheduling.weightPreference.staticWeightList[1].weight: it is -3", "f:13: spec.placement.replicaScheduling.weightPreference.staticWeightList[2].weight: it is 0"}},
		{"plaintext", rule("      plaintext:\n      - {path: spec/replicas, operator: replace, value: 1}\n      - {path: /a, operator: set, value: 1}\n      - {path: /a, operator: add}\n      - {operator: remove}\n"),
			[]string{`f:8: spec.overrideRules[0].overriders.plaintext[0].path: it is "spec/replicas"`,
				`f:9: spec.overrideRules[0].overriders.plaintext[1].operator: it is "set", and has to be one of add, remove, replace`,
				"f:10: spec.overrideRules[0].overriders.plaintext[2].value: it is missing; to set null, write value: null",
				"f:11: spec.overrideRules[0].overriders.plaintext[3].path: it is missing"}},
		{"image", rule("      imageOverrider:\n      - {component: Digest, operator: add, value: a}\n      - {component: Tag, operator: replace}\n      - {component: Tag, value: a}\n      - {component: Tag, operator: remove, predicate: {path: spec}}\n"),
			[]string{`f:8: spec.overrideRules[0].overriders.imageOverrider[0].component: it is "Digest", and has to be one of Registry, Repository, Tag`,
				"f:9: spec.overrideRules[0].overriders.imageOverrider[1].value: it is missing",
				"f:10: spec.overrideRules[0].overriders.imageOverrider[2].operator: it is missing: add, remove, replace",
				`f:11: spec.overrideRules[0].overriders.imageOverrider[3].predicate.path: it is "spec"`}},
		{"command", rule("      commandOverrider:\n      - {containerName: a, operator: replace}\n      argsOverrider:\n      - {operator: add}\n"),
			[]string{`f:8: spec.overrideRules[0].overriders.commandOverrider[0].operator: it is "replace", and has to be one of add, remove`,
				"f:10: spec.overrideRules[0].overriders.argsOverrider[0].containerName: it is missing"}},
		{"labels", rule("      labelsOverrider:\n      - operator: add\n        value: {a/b/c: x}\n      annotationsOverrider:\n      - operator: set\n        value: {a/b/c: x}\n"),
			[]string{"f:9: spec.overrideRules[0].overriders.labelsOverrider[0].value:", `f:11: spec.overrideRules[0].overriders.annotationsOverrider[0].operator: it is "set"`,
				"f:12: spec.overrideRules[0].overriders.annotationsOverrider[0].value:"}},
		{"field", rule("      fieldOverrider:\n      - fieldPath: data\n      - fieldPath: /data/a\n        json: [{subPath: a, operator: replace}]\n        yaml: [{subPath: /a, operator: remove, value: 1}]\n"),
			[]string{`f:8: spec.overrideRules[0].overriders.fieldOverrider[0].fieldPath: it is "data"`, "f:8: spec.overrideRules[0].overriders.fieldOverrider[0]: it has neither json nor yaml",
				`f:10: spec.overrideRules[0].overriders.fieldOverrider[1].json[0].subPath: it is "a"`, "f:10: spec.overrideRules[0].overriders.fieldOverrider[1].json[0].value: it is missing",
				"f:11: spec.overrideRules[0].overriders.fieldOverrider[1].yaml: json is there, too", "f:11: spec.overrideRules[0].overriders.fieldOverrider[1].yaml[0].value: what is removed has none"}},
		{"rules and the deprecated rule", rule("      plaintext: []\n    targetCluster: {fieldSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}}\n  targetCluster: {clusterNames: [a]}\n"),
			[]string{"f:9: spec.targetCluster: overrideRules is there, too", "f:8: spec.overrideRules[0].targetCluster.fieldSelector.matchExpressions[0].key"}},
		{"a version", "apiVersion: policy.karmada.io/v1beta1\nkind: PropagationPolicy\nmetadata: {name: p}\n", []string{"f:1: apiVersion: version v1beta1 of PropagationPolicy is not known; v1alpha1 is"}},
		{"twice", propagation("  resourceSelectors: [{apiVersion: v1, kind: A}]\n") + "---\n" + propagation("  resourceSelectors: [{apiVersion: v1, kind: A}]\n"),
			[]string{"f:9: metadata.name: PropagationPolicy shop/p is there already: f:1"}},
		{"hardware", distribution("    resourceConstraints:\n    - name: 'a b'\n      minQuantity: 0\n      requirements: [{operator: Gt, values: []}]\n    - name: nvidia.com/gpu\n      minQuantity: many\n"),
			[]string{"f:12: spec.placement.resourceConstraints[1].minQuantity: quantities must match"}},
		{"values of hardware", distribution("    resourceConstraints:\n    - name: 'a b'\n      minQuantity: 0\n      requirements: [{operator: Gt, values: []}]\n    preference:\n    - {weight: 101, preference: {operator: In, key: '-', values: [a]}}\n"),
			[]string{`f:8: spec.placement.resourceConstraints[0].name: "a b" is not the name of a resource`, "f:9: spec.placement.resourceConstraints[0].minQuantity: it is 0, and has to be more than nothing",
				`f:10: spec.placement.resourceConstraints[0].requirements[0].operator: it is "Gt", and has to be one of In, NotIn`, "f:10: spec.placement.resourceConstraints[0].requirements[0].values: none is named",
				"f:12: spec.placement.preference[0].weight: it is 101, and has to be from 1 to 100", `f:12: spec.placement.preference[0].preference.key: "-" is not a label`}},
		{"preference of nothing", distribution("    preference:\n    - {weight: 1, preference: {operator: In, values: [a]}}\n"), []string{"f:7: spec.placement.preference: it orders clusters by the hardware of resourceConstraints, and there are none"}},
		{"Karmada's name in Kurator's shape", "apiVersion: policy.kurator.dev/v1alpha1\nkind: OverridePolicy\nmetadata: {name: o}\nspec:\n  overrideRules:\n  - targetCluster: {}\n    overrides: [{path: replicas, value: 1}]\n",
			[]string{"f:6: spec.overrideRules[0].targetCluster: unknown field"}},
		{"a path in Kurator's shape", "apiVersion: apps.kurator.dev/v1alpha1\nkind: OverridePolicy\nmetadata: {name: o}\nspec:\n  overrideRules:\n  - targetClusters: {labelSelector: {matchLabels: {'a b': c}}}\n    overrides:\n    - {path: replicas, value: 1}\n",
			[]string{"f:6: spec.overrideRules[0].targetClusters.labelSelector:", `f:8: spec.overrideRules[0].overrides[0].path: it is "replicas"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := policy.Split(parse(t, c.text))
			if err == nil {
				t.Fatal("it was taken")
			}
			got := err.Error()
			for _, want := range c.want {
				if line := "\n" + want; !strings.Contains("\n"+got, line) && !strings.HasPrefix(want, "must") || !strings.Contains(got, want) {
					t.Errorf("missing: %s\ngot:\n%s", want, got)
				}
			}
			if n := strings.Count(got, "\n") + 1; n != len(c.want) {
				t.Errorf("%d errors, want %d:\n%s", n, len(c.want), got)
			}
		})
	}
}

// The example of the articles contradicts itself.
func TestContradiction(t *testing.T) {
	const divided = `
apiVersion: policy.kurator.dev/v1alpha1
kind: DistributionPolicy
metadata: {name: d, namespace: shop}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment}]
  placement:
    replicaScheduling: {%s}
---
apiVersion: policy.kurator.dev/v1alpha1
kind: OverridePolicy
metadata: {name: o, namespace: shop}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, labelSelector: {matchLabels: {app: %s}}}]
  overrideRules:
  - targetClusters: {clusterNames: [dr]}
    overrides: [{path: %s, value: %s}]
---
`
	const said = "f:22: spec.overrideRules[0].overrides[0]: it sets /spec/replicas of Deployment shop/web, which PropagationPolicy shop/d divides among the clusters: f:13; take one of them out"
	for _, c := range []struct{ how, app, path, value, want string }{
		{"replicaDivisionPreference: Weighted", "web", "/spec/replicas", "1", said},
		{"", "web", "/spec", "{}", said},
		{"replicaSchedulingType: Duplicated", "web", "/spec/replicas", "1", ""},
		{"", "other", "/spec/replicas", "1", ""},
		{"", "web", "/spec/replicasX", "1", ""},
	} {
		_, _, err := policy.Split(parse(t, web+fmt.Sprintf(divided, c.how, c.app, c.path, c.value)))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(web)
	f.Add("apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: p}\nspec:\n  resourceSelectors: [{apiVersion: v1, kind: ConfigMap}]\n  placement: {clusterAffinity: {clusterNames: [a]}, spreadConstraints: [{maxGroups: 1}]}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: '{}'}}\n")
	f.Add("apiVersion: policy.karmada.io/v1alpha1\nkind: ClusterOverridePolicy\nmetadata: {name: p}\nspec: {overrideRules: [{overriders: {plaintext: [{path: /data/a, operator: add, value: 1}], fieldOverrider: [{fieldPath: /data/a, json: [{subPath: /a, operator: add, value: 1}]}], labelsOverrider: [{operator: add, value: {a: b}}]}}]}\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: '{}'}}\n")
	f.Add("apiVersion: policy.kurator.dev/v1alpha1\nkind: DistributionPolicy\nmetadata: {name: d}\nspec: {resourceSelectors: [{apiVersion: v1, kind: Pod}], placement: {resourceConstraints: [{name: a, minQuantity: 2}], preference: [{weight: 1, preference: {operator: In, values: [x]}}]}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		objects, err := manifest.Parse("f", []byte(text))
		if err != nil {
			t.Skip()
		}
		s, rest, err := policy.Split(objects)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("no line: %v", err)
			}
			return
		}
		targets := []policy.Target{{Name: "a", Region: "r"}, {Name: "b", Labels: map[string]string{"a": "b"}}}
		for _, h := range s.Hardware() {
			if err := h.Narrow([]string{"a"}); err != nil {
				t.Error(err)
			}
		}
		if _, err := s.Objects(); err != nil {
			t.Error(err)
		}
		_, _ = s.Direct()
		for _, o := range rest {
			// What neither can do is an error; neither may be surprised.
			_, _ = s.Place(o, targets)
			_, _ = s.Override(o.DeepCopy(), targets[0])
		}
	})
}
