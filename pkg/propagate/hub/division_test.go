package hub

import (
	"strings"
	"testing"
)

// What Karmada has divided otherwise than the weights say is seen; what is not decided by
// weights alone is not judged.
func TestMisdivided(t *testing.T) {
	t.Parallel()
	const weighted = `{spec: {replicas: 10, clusters: [CLUSTERS], placement: {clusterAffinity: {clusterNames: [c1, c2, c3]}, replicaScheduling: {replicaSchedulingType: Divided, ` +
		`replicaDivisionPreference: Weighted, weightPreference: {staticWeightList: [WEIGHTS]}}}}}`
	rule := func(cluster, weight string) string {
		return "{targetCluster: {clusterNames: [" + cluster + "]}, weight: " + weight + "}"
	}
	nineToOne := rule("c1", "90") + ", " + rule("c2", "10")
	for _, tc := range []struct{ name, clusters, weights, other, joined, want string }{
		{"as the weights say", "{name: c1, replicas: 9}, {name: c2, replicas: 1}", nineToOne, "", "c1 c2", ""},
		{"left over", "{name: c1, replicas: 10}", nineToOne, "", "c1 c2", "Karmada gives the cluster 10 of 10 replicas, and by the weights it is 9"},
		{"gone", "{name: c1, replicas: 10}", nineToOne, "", "c1 c3", ""},
		{"without a weight", "{name: c1, replicas: 9}, {name: c2, replicas: 1}", nineToOne, "", "c1 c2 c3", ""},
		{"of several rules the largest", "{name: c1, replicas: 5}, {name: c2, replicas: 5}", nineToOne + ", " + rule("c2", "90"), "", "c1 c2", ""},
		{"a tie as ours", "{name: c1, replicas: 4}, {name: c2, replicas: 3}, {name: c3, replicas: 3}", rule("c1, c2, c3", "1"), "", "c1 c2 c3", ""},
		{"a tie as Karmada's", "{name: c1, replicas: 3}, {name: c2, replicas: 4}, {name: c3, replicas: 3}", rule("c1, c2, c3", "1"), "", "c1 c2 c3", ""},
		{"no tie", "{name: c1, replicas: 5}, {name: c2, replicas: 5}", rule("c1, c2, c3", "1"), "", "c1 c2 c3", "Karmada gives the cluster 5 of 10 replicas, and by the weights it is 4"},
		{"by what is free", "{name: c1, replicas: 10}", nineToOne, "staticWeightList->dynamicWeight: AvailableReplicas, staticWeightList", "c1 c2", ""},
		{"duplicated", "{name: c1, replicas: 10}", nineToOne, "Divided->Duplicated", "c1 c2", ""},
		{"by labels", "{name: c1, replicas: 10}", nineToOne, "clusterNames: [c2]->labelSelector: {matchLabels: {a: b}}", "c1 c2", ""},
		{"spread", "{name: c1, replicas: 10}", nineToOne, "placement: {->placement: {spreadConstraints: [{spreadByField: cluster, maxGroups: 1}], ", "c1 c2", ""},
		{"without replicas", "{name: c1}", nineToOne, "replicas: 10->replicas: 0", "c1 c2", ""},
		{"weights of none", "{name: c1, replicas: 10}", rule("c4", "1"), "", "c1 c2", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text := strings.NewReplacer("CLUSTERS", tc.clusters, "WEIGHTS", tc.weights).Replace(weighted)
			if from, to, some := strings.Cut(tc.other, "->"); some {
				text = strings.Replace(text, from, to, 1)
			}
			if got := bound(t, text).misdivided("c1", strings.Fields(tc.joined)); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
