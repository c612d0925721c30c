package policy_test

import (
	"strings"
	"testing"
)

// What needs a hub: an error where somebody would count on it, else a note.
func TestDirect(t *testing.T) {
	const hub = ": this needs a hub, --via karmada=CONTEXT"
	for _, c := range []struct{ spec, err, note string }{
		{spec: "priority: 3"},
		{spec: "schedulerName: default-scheduler"},
		{spec: "propagateDeps: false, preserveResourcesOnDeletion: false, suspension: {dispatching: false}"},
		{spec: "dependentOverrides: [o]"},
		{spec: "association: true", err: "f:5: spec.association: what an object refers to is not looked for; select it" + hub},
		{spec: "propagateDeps: true", err: "f:5: spec.propagateDeps: what an object refers to is not looked for; select it" + hub},
		{spec: "failover: {cluster: {purgeMode: Directly}}", err: "f:5: spec.failover: nobody watches the clusters after the command has ended" + hub},
		{spec: "suspension: {dispatching: true}", err: "f:5: spec.suspension: nothing is dispatched later; leave clusters out with -C" + hub},
		{spec: "suspension: {dispatchingOnClusters: {clusterNames: [a]}}", err: "f:5: spec.suspension: nothing is dispatched later; leave clusters out with -C" + hub},
		{spec: "schedulerName: mine", err: "f:5: spec.schedulerName: there is no scheduler" + hub},
		{spec: "preserveResourcesOnDeletion: true", err: "f:5: spec.preserveResourcesOnDeletion: --prune and withdraw do delete" + hub},
		{spec: "placement: {workloadAffinity: {affinity: {groupByLabelKey: a}}}", err: "f:5: spec.placement.workloadAffinity: where other workloads are is not known" + hub},
		{spec: "placement: {clusterAffinities: [{affinityName: a, clusterNames: [a], overflowAffinities: [{affinityName: b}]}]}", err: "f:5: spec.placement.clusterAffinities[0].overflowAffinities: what does not fit is not moved on" + hub},
		{spec: "dependentOverrides: [x]", err: "f:5: spec.dependentOverrides[0]: there is no such override policy in the input"},
		{spec: "placement: {clusterTolerations: [{operator: Exists}]}", note: "f:5: spec.placement.clusterTolerations: clusters have no taints without a hub"},
		{spec: "preemption: Always", note: "f:5: spec.preemption: no policy has claimed an object before"},
		{spec: "conflictResolution: Overwrite", note: "f:5: spec.conflictResolution: what others own is taken with --take-over and --force-conflicts alone"},
		{spec: "activationPreference: Lazy", note: "f:5: spec.activationPreference: the policy counts from now on"},
		{spec: "schedulePriority: {priorityClassSource: KubePriorityClass, priorityClassName: a}", note: "f:5: spec.schedulePriority: objects do not wait for one another"},
	} {
		s, _ := split(t, "apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: p, namespace: shop}\nspec:\n  {resourceSelectors: [{apiVersion: v1, kind: Pod}], "+c.spec+"}\n---\n"+
			"apiVersion: policy.karmada.io/v1alpha1\nkind: OverridePolicy\nmetadata: {name: o, namespace: shop}\n---\napiVersion: policy.karmada.io/v1alpha1\nkind: OverridePolicy\nmetadata: {name: x, namespace: other}\n")
		notes, err := s.Direct()
		var said []string
		for _, n := range notes {
			said = append(said, n.String())
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if note := strings.Join(said, "\n"); got != c.err || note != c.note {
			t.Errorf("%s: error %q, note %q", c.spec, got, note)
		}
	}
}

// What means nothing anywhere is said, too.
func TestNotes(t *testing.T) {
	s, _ := split(t, `
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: p}
spec:
  resourceSelectors:
  - {apiVersion: v1, kind: Pod, name: a, labelSelector: {}}
  placement:
    replicaScheduling:
      replicaSchedulingType: Duplicated
      replicaDivisionPreference: Weighted
---
apiVersion: policy.karmada.io/v1alpha1
kind: PropagationPolicy
metadata: {name: q}
spec:
  resourceSelectors: [{apiVersion: v1, kind: Pod}]
  placement:
    replicaScheduling:
      replicaDivisionPreference: Aggregated
      weightPreference:
        dynamicWeight: AvailableReplicas
        staticWeightList: [{targetCluster: {}, weight: 1}]
---
apiVersion: policy.karmada.io/v1alpha1
kind: OverridePolicy
metadata: {name: o}
spec: {overrideRules: [{overriders: {plaintext: [{path: /a, operator: remove, value: 1}]}}]}
`)
	want := `f:6: spec.resourceSelectors[0].labelSelector: it means nothing beside a name
f:10: spec.placement.replicaScheduling.replicaDivisionPreference: it means nothing with Duplicated: each cluster gets all replicas
f:20: spec.placement.replicaScheduling.weightPreference: weights mean nothing here: they are for Divided by Weighted
f:22: spec.placement.replicaScheduling.weightPreference.staticWeightList: dynamicWeight is there, too, and goes before it
f:27: spec.overrideRules[0].overriders.plaintext[0].value: it means nothing: what is removed has none`
	var got []string
	for _, n := range s.Notes() {
		got = append(got, n.String())
	}
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("%s\nwant\n%s", text, want)
	}
}
