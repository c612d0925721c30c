package remove

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func object(fields map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: fields}
}

// While machines are exchanged, or a count has not come down to where it counts, nobody
// can say which machine would go.
func TestBusy(t *testing.T) {
	t.Parallel()
	type fields = map[string]any
	for name, test := range map[string]struct {
		kind     string
		metadata fields
		spec     fields
		status   fields
		cluster  fields
		sets     []fields
		want     string
	}{
		"at rest":                         {status: fields{"upToDateReplicas": int64(3)}},
		"at rest, of v1beta1":             {status: fields{"updatedReplicas": int64(3)}},
		"some are old":                    {status: fields{"upToDateReplicas": int64(2)}, want: "Rollout"},
		"some are old, of v1beta1":        {status: fields{"updatedReplicas": int64(2)}, want: "Rollout"},
		"all are old, of v1beta1":         {status: fields{"updatedReplicas": int64(0)}, want: "Rollout"},
		"a set does not say what is new":  {kind: kindSet, status: fields{"upToDateReplicas": int64(0)}},
		"two sets, and one was emptied":   {sets: []fields{{"spec": fields{"replicas": int64(3)}}, {"spec": fields{"replicas": int64(0)}}}},
		"two sets that are asked for":     {sets: []fields{{"spec": fields{"replicas": int64(2)}}, {"spec": fields{"replicas": int64(1)}}}, want: "Rollout"},
		"two sets, and one empties":       {sets: []fields{{"spec": fields{"replicas": int64(3)}}, {"status": fields{"replicas": int64(1)}}}, want: "Rollout"},
		"its controller has not looked":   {metadata: fields{"generation": int64(2)}, status: fields{"observedGeneration": int64(1)}, want: "Rollout"},
		"its count is not handed down":    {spec: fields{"replicas": int64(4)}, want: "Rollout"},
		"it is being deleted":             {metadata: fields{"deletionTimestamp": "2026-11-21T12:00:00Z"}, want: "Deleting"},
		"paused by its spec":              {spec: fields{"replicas": int64(3), "paused": true}, want: "Paused"},
		"its Cluster is paused":           {cluster: fields{"spec": fields{"paused": true}}, want: "Paused"},
		"its Cluster is, by annotation":   {cluster: fields{"metadata": fields{"annotations": fields{pausedBy: ""}}}, want: "Paused"},
		"one of its sets is, by the like": {sets: []fields{{"metadata": fields{"annotations": fields{pausedBy: "true"}}}}, want: "Paused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := object(fields{"kind": kindDeployment, "spec": fields{"replicas": int64(3)}, "status": fields{"replicas": int64(3)}})
			if test.kind != "" {
				owner.SetKind(test.kind)
			}
			merge(owner.Object, fields{"metadata": test.metadata, "spec": test.spec, "status": test.status})
			p := &pool{estate: &estate{cluster: object(fields{"kind": kindCluster})}, object: owner, count: 3, place: place{object: owner}}
			merge(p.cluster.Object, test.cluster)
			for _, s := range test.sets {
				set := object(fields{"kind": kindSet})
				merge(set.Object, s)
				p.sets = append(p.sets, *set)
			}
			if got, why := p.busy(); got != test.want || (got == "") != (why == "") {
				t.Errorf("%q (%s), want %q", got, why, test.want)
			}
		})
	}
}

// A count is said in the topology that made the pool, if that has one.
func TestPlaceOf(t *testing.T) {
	t.Parallel()
	type fields = map[string]any
	topology := fields{"metadata": fields{"namespace": "capi", "name": "c1"}, "kind": kindCluster, "spec": fields{"topology": fields{"workers": fields{
		"machineDeployments": []any{fields{"name": "free"}, fields{"name": "large", "replicas": int64(5)}},
		"machinePools":       []any{fields{"name": "large", "replicas": int64(7)}},
	}}}}
	for name, test := range map[string]struct {
		kind   string
		labels fields
		path   string
		called string
		count  int64
	}{
		"of a topology":                        {kind: kindDeployment, labels: fields{topologyOwned: "", topologyName: "large"}, path: "/spec/topology/workers/machineDeployments/1", called: "large", count: 5},
		"a MachinePool of one":                 {kind: kindPool, labels: fields{topologyOwned: "", topologyPool: "large"}, path: "/spec/topology/workers/machinePools/0", called: "large", count: 7},
		"of one that leaves the count to it":   {kind: kindDeployment, labels: fields{topologyOwned: "", topologyName: "free"}, count: 3},
		"of one that does not know it":         {kind: kindDeployment, labels: fields{topologyOwned: "", topologyName: "gone"}, count: 3},
		"of nobody, with a label of that name": {kind: kindDeployment, labels: fields{topologyName: "large"}, count: 3},
		"of nobody":                            {kind: kindDeployment, count: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := object(fields{"kind": test.kind, "metadata": fields{"namespace": "capi", "name": "md", "labels": test.labels}, "spec": fields{"replicas": int64(3)}})
			e := &estate{cluster: object(topology)}
			want := place{object: owner, typed: map[string]string{kindDeployment: "machinedeployments", kindPool: "machinepools"}[test.kind] + "." + capiGroup}
			if test.path != "" {
				want = place{object: e.cluster, typed: "clusters." + capiGroup, path: test.path + "/replicas", entry: test.path + "/name", name: test.called}
			}
			if got, count := e.placeOf(owner); got != want || count != test.count {
				t.Errorf("%d in %+v, want %d in %+v", count, got, test.count, want)
			}
		})
	}
}
