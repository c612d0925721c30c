package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
)

// clusters are those of the tests: four, in three regions.
func clusters() []policy.Target {
	return []policy.Target{
		{Name: "a", Labels: map[string]string{"env": "prod"}, Provider: "p1", Region: "eu", Zones: []string{"eu-1", "eu-2"}},
		{Name: "b", Labels: map[string]string{"env": "prod"}, Provider: "p2", Region: "eu", Zones: []string{"eu-2"}},
		{Name: "c", Labels: map[string]string{"env": "dev"}, Provider: "p1", Region: "us", Zones: []string{"us-1"}},
		{Name: "d", Labels: map[string]string{"env": "prod"}},
	}
}

func names(targets []policy.Target) string {
	var all []string
	for _, t := range targets {
		all = append(all, t.Name)
	}
	return strings.Join(all, " ")
}

// placing is what a placement comes to, in one line, or its error.
func placing(p policy.Placement, err error) string {
	if err != nil {
		return err.Error()
	}
	text := names(p.Targets)
	if p.Division != policy.Duplicated {
		text += fmt.Sprintf(" %s %v", p.Division, p.Weights)
	}
	for _, n := range p.Notes {
		text += "\n" + n.String()
	}
	return text
}

func TestPlace(t *testing.T) {
	spread := func(text string) string {
		return "clusterAffinity: {clusterNames: [a, b, c]}, spreadConstraints: [" + text + "]"
	}
	const byCluster, weighted = "{spreadByField: cluster, maxGroups: 3}", "replicaScheduling: {weightPreference: {staticWeightList: [{targetCluster: {}, weight: 2}]}}"
	for _, c := range []struct{ name, placement, want string }{
		{"nothing said", "", "a b c d"},
		{"names", "clusterAffinity: {clusterNames: [c, a]}", "a c"},
		{"a name of none", "clusterAffinity: {clusterNames: [c, x]}", "c\nf:11: x is not among the selected clusters"},
		{"names of none", "clusterAffinity: {clusterNames: [x]}", "f:11: spec.placement.clusterAffinity: none of the selected clusters is meant"},
		{"exclusion goes before names", "clusterAffinity: {clusterNames: [c, a], exclude: [a]}", "c"},
		{"labels", "clusterAffinity: {labelSelector: {matchLabels: {env: prod}}, exclude: [b]}", "a d"},
		{"labels and names", "clusterAffinity: {labelSelector: {matchLabels: {env: prod}}, clusterNames: [b, c]}", "b"},
		{"region", "clusterAffinity: {fieldSelector: {matchExpressions: [{key: region, operator: In, values: [eu]}]}}", "a b"},
		{"not in a region, or in none", "clusterAffinity: {fieldSelector: {matchExpressions: [{key: region, operator: NotIn, values: [eu]}]}}", "c d"},
		{"one of the zones", "clusterAffinity: {fieldSelector: {matchExpressions: [{key: zone, operator: In, values: [eu-1, us-1]}]}}", "a c"},
		{"none of the zones", "clusterAffinity: {fieldSelector: {matchExpressions: [{key: zone, operator: NotIn, values: [eu-1]}]}}", "b c d"},
		{"both fields", "clusterAffinity: {fieldSelector: {matchExpressions: [{key: zone, operator: In, values: [eu-2]}, {key: provider, operator: In, values: [p2]}]}}", "b"},
		{"the first group", "clusterAffinities: [{affinityName: x, clusterNames: [b]}, {affinityName: z, clusterNames: [c]}]", "b"},
		{"the second group", "clusterAffinities: [{affinityName: x, labelSelector: {matchLabels: {env: x}}}, {affinityName: z, clusterNames: [c]}]", "c"},
		{"no group", "clusterAffinities: [{affinityName: x, labelSelector: {matchLabels: {env: x}}}]", "f:11: spec.placement.clusterAffinities[0]: none of the selected clusters is meant"},
		{"a group too small", "clusterAffinities: [{affinityName: x, clusterNames: [b]}, {affinityName: z, clusterNames: [a, c]}], spreadConstraints: [{minGroups: 2, maxGroups: 2}]", "a c"},

		{"spread over all", spread(byCluster), "a b c"},
		{"spread over less", spread("{maxGroups: 2}"),
			"f:11: spec.placement.spreadConstraints[0].maxGroups: it is 2, and 3 clusters may be meant: which of them is for Karmada's scheduler to say; name them in clusterAffinity"},
		{"spread over more", spread("{minGroups: 4, maxGroups: 5}"), "f:11: spec.placement.spreadConstraints[0].minGroups: it is 4, and 3 clusters may be meant"},
		{"spread over nothing", spread("{minGroups: 1}"), "f:11: spec.placement.spreadConstraints[0].maxGroups: it is missing, which for Karmada is 0: no cluster"},
		{"all regions", spread(byCluster + ", {spreadByField: region, minGroups: 2, maxGroups: 2}"), "a b c"},
		{"some regions", spread(byCluster + ", {spreadByField: region, maxGroups: 2}"),
			"f:11: spec.placement.spreadConstraints[1]: which of the 2 regions are chosen is for Karmada's scheduler to say; name the clusters in clusterAffinity"},
		{"too few regions", spread(byCluster + ", {spreadByField: region, minGroups: 3, maxGroups: 3}"),
			"f:11: spec.placement.spreadConstraints[1].minGroups: it is 3, and the clusters that may be meant are in 2"},
		{"no regions", spread(byCluster + ", {spreadByField: region, minGroups: 2}"), "f:11: spec.placement.spreadConstraints[1].maxGroups: it is missing, which for Karmada is 0: no region"},
		{"not by region where there is none", "clusterAffinity: {clusterNames: [a, d]}, spreadConstraints: [" + byCluster + ", {spreadByField: region, maxGroups: 1}]", "a"},
		{"where none has a region", "clusterAffinity: {clusterNames: [d]}, spreadConstraints: [" + byCluster + ", {spreadByField: region, maxGroups: 1}]",
			"f:11: spec.placement.spreadConstraints[1]: no cluster that may be meant has a region"},
		{"by zone", "spreadConstraints: [" + byCluster + ", {spreadByField: zone, minGroups: 9, maxGroups: 9}]", "a b c\nf:11: Karmada 1.18 leaves out clusters without a zone, and does not heed the numbers of groups"},
		{"by label alone", "spreadConstraints: [{spreadByLabel: env, maxGroups: 9}]", "f:11: spec.placement.spreadConstraints: Karmada 1.18 spreads by cluster and region alone, and schedules nothing here"},
		{"by label too", spread(byCluster + ", {spreadByLabel: env, maxGroups: 9}"), "a b c\nf:11: Karmada 1.18 does not spread by labels yet: this is not heeded"},
		{"not with fixed weights", spread("{maxGroups: 1}") + ", " + weighted,
			"a b c Weighted map[a:2 b:2 c:2]\nf:11: Karmada does not heed spreadConstraints where replicas are divided by fixed weights"},

		{"duplicated", "replicaScheduling: {replicaSchedulingType: Duplicated, replicaDivisionPreference: Weighted}", "a b c d"},
		{"divided is the default", "replicaScheduling: {}", "a b c d Weighted map[a:1 b:1 c:1 d:1]"},
		{"weights", "clusterAffinity: {clusterNames: [a, b]}, replicaScheduling: {weightPreference: {staticWeightList: [{targetCluster: {clusterNames: [a]}, weight: 9}, {targetCluster: {clusterNames: [b]}, weight: 1}]}}",
			"a b Weighted map[a:9 b:1]"},
		{"the greater weight, and none", "replicaScheduling: {weightPreference: {staticWeightList: [{targetCluster: {clusterNames: [a]}, weight: 9}, {targetCluster: {labelSelector: {matchLabels: {env: prod}}}, weight: 4}]}}",
			"a b c d Weighted map[a:9 b:4 d:4]"},
		{"weights of others", "clusterAffinity: {clusterNames: [a, b]}, replicaScheduling: {weightPreference: {staticWeightList: [{targetCluster: {clusterNames: [x]}, weight: 9}]}}",
			"a b Weighted map[a:1 b:1]\nf:11: the weight is of no cluster that the object goes to"},
		{"by what is free", "replicaScheduling: {weightPreference: {dynamicWeight: AvailableReplicas, staticWeightList: [{targetCluster: {}, weight: 1}]}}", "a b c d ByFree map[]"},
		{"aggregated", "replicaScheduling: {replicaDivisionPreference: Aggregated}",
			"f:11: spec.placement.replicaScheduling.replicaDivisionPreference: which of the 4 clusters Aggregated fills first is for Karmada's scheduler to say; name one cluster, or divide by weights"},
		{"aggregated in one", "clusterAffinity: {clusterNames: [b]}, replicaScheduling: {replicaDivisionPreference: Aggregated}", "b Weighted map[b:1]"},
	} {
		s, rest := split(t, web+"apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment}]\n  placement: {"+c.placement+"}\n")
		if got := placing(s.Place(rest[0], clusters())); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// Which of several policies counts.
func TestPlacePrecedence(t *testing.T) {
	policyOf := func(kind, name, namespace, spec string) string {
		return fmt.Sprintf("apiVersion: policy.karmada.io/v1alpha1\nkind: %s\nmetadata: {name: %s, namespace: %q}\nspec: {%s}\n---\n", kind, name, namespace, spec)
	}
	const (
		kind      = "resourceSelectors: [{apiVersion: apps/v1, kind: Deployment}]"
		labelled  = "resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, labelSelector: {matchLabels: {app: web}}}]"
		named     = "resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: web}]"
		otherName = "resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, name: x, labelSelector: {matchLabels: {app: web}}}]"
		several   = "resourceSelectors: [{apiVersion: v1, kind: Pod}, {apiVersion: apps/v1, kind: Deployment, name: web}]"
	)
	own := func(name, spec string) string { return policyOf("PropagationPolicy", name, "shop", spec) }
	all := func(name, spec string) string { return policyOf("ClusterPropagationPolicy", name, "", spec) }
	for _, c := range []struct{ name, policies, want string }{
		{"the alphabet", own("b", kind) + own("a", kind), "PropagationPolicy shop/a"},
		{"labels before the kind", own("a", kind) + own("b", labelled), "PropagationPolicy shop/b"},
		{"a name before labels", own("a", labelled) + own("b", named), "PropagationPolicy shop/b"},
		{"the best of the selectors", own("a", labelled) + own("b", several), "PropagationPolicy shop/b"},
		{"priority before a name", own("a", named) + own("b", kind+", priority: 1"), "PropagationPolicy shop/b"},
		{"a negative priority", own("a", named+", priority: -1") + own("b", kind), "PropagationPolicy shop/b"},
		{"the namespace before priority", own("a", kind) + all("b", named+", priority: 9"), "PropagationPolicy shop/a"},
		{"for all, where none of the namespace does", own("a", otherName) + all("b", kind) + all("c", labelled), "ClusterPropagationPolicy c"},
		{"not of another namespace", policyOf("PropagationPolicy", "a", "other", kind) + all("b", kind), "ClusterPropagationPolicy b"},
		{"a name hides labels", own("a", otherName), "f:1: no policy selects Deployment shop/web"},
		{"not of another version", own("a", "resourceSelectors: [{apiVersion: apps/v1beta1, kind: Deployment}]"), "f:1: no policy selects Deployment shop/web"},
		{"a namespace in a selector", all("a", "resourceSelectors: [{apiVersion: apps/v1, kind: Deployment, namespace: other}]"), "f:1: no policy selects Deployment shop/web"},
		{"there are no policies", "", ""},
	} {
		s, rest := split(t, web+c.policies)
		p, err := s.Place(rest[0], clusters())
		got := p.Policy
		if err != nil {
			got = err.Error()
		} else if names(p.Targets) != "a b c d" {
			t.Errorf("%s: %s", c.name, names(p.Targets))
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A namespace goes everywhere, as on a hub.
func TestPlaceNamespace(t *testing.T) {
	s, rest := split(t, `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: p, namespace: shop}
spec: {resourceSelectors: [{apiVersion: v1, kind: ConfigMap}]}
`)
	if got := placing(s.Place(rest[0], clusters())); got != "a b c d" {
		t.Error(got)
	}
}

func TestHardware(t *testing.T) {
	const distribution = `
apiVersion: policy.kurator.dev/v1alpha1
kind: DistributionPolicy
metadata: {name: d, namespace: shop}
spec:
  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment}]
  placement:
    clusterAffinity: {labelSelector: {matchLabels: {env: prod}}}
    resourceConstraints:
    - {name: nvidia.com/gpu, minQuantity: 4, requirements: [{operator: In, values: [a100]}]}
    preference:
    - {weight: 100, preference: {operator: In, values: [a100]}}
`
	s, rest := split(t, web+distribution)
	for what, f := range map[string]func() error{
		"place":   func() error { _, err := s.Place(rest[0], clusters()); return err },
		"objects": func() error { _, err := s.Objects(); return err },
	} {
		if err := f(); err == nil || !strings.HasPrefix(err.Error(), "f:7: ") {
			t.Errorf("%s before the clusters were asked: %v", what, err)
		}
	}
	h := s.Hardware()[0]
	if got := names(h.Candidates(clusters())); got != "a b d" {
		t.Errorf("candidates: %s", got)
	}
	if r := h.Requirements[0]; r.Origin.String() != "f:15" || r.Min.Value() != 4 || r.Resource != "nvidia.com/gpu" || r.Models[0].Values[0] != "a100" || h.Preferences[0].Weight != 100 {
		t.Errorf("%+v %+v", r, h.Preferences)
	}
	if err := h.Narrow(nil); err == nil || err.Error() != "f:7: no cluster has the hardware that PropagationPolicy shop/d asks for" {
		t.Errorf("narrowed to nothing: %v", err)
	}
	if err := h.Narrow([]string{"d", "a"}); err != nil {
		t.Fatal(err)
	}
	if got := placing(s.Place(rest[0], clusters())); got != "a d" {
		t.Errorf("narrowed: %s", got)
	}
	objects, err := s.Objects()
	if err != nil {
		t.Fatal(err)
	}
	affinity := objects[0].Object["spec"].(map[string]any)["placement"].(map[string]any)["clusterAffinity"]
	want := map[string]any{"clusterNames": []any{"d", "a"}, "labelSelector": map[string]any{"matchLabels": map[string]any{"env": "prod"}}}
	if diff := cmp.Diff(affinity, any(want)); diff != "" {
		t.Error(diff)
	}
}

// Names that are there already stay the bounds.
func TestHardwareNarrowsNames(t *testing.T) {
	for _, c := range []struct{ affinity, narrowed, want string }{
		{"clusterAffinity: {clusterNames: [a, b]}", "b c", "b"},
		{"clusterAffinities: [{affinityName: x, clusterNames: [a]}, {affinityName: z, clusterNames: [c]}]", "c", "c"},
	} {
		s, rest := split(t, web+"apiVersion: policy.kurator.dev/v1alpha1\nkind: DistributionPolicy\nmetadata: {name: d, namespace: shop}\nspec:\n  resourceSelectors: [{apiVersion: apps/v1, kind: Deployment}]\n  placement: {resourceConstraints: [{name: gpu}], "+c.affinity+"}\n")
		if err := s.Hardware()[0].Narrow(strings.Fields(c.narrowed)); err != nil {
			t.Fatal(err)
		}
		if got := placing(s.Place(rest[0], clusters())); got != c.want {
			t.Errorf("%s: %s, want %s", c.affinity, got, c.want)
		}
		objects, err := s.Objects()
		if err != nil {
			t.Fatal(err)
		}
		again, err := objects[0].MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		hub, rest := split(t, web+strings.TrimSpace(string(again)))
		if got := placing(hub.Place(rest[0], clusters())); got != c.want {
			t.Errorf("%s on a hub: %s, want %s", c.affinity, got, c.want)
		}
	}
}
