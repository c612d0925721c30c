package candidate

import (
	"cmp"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
)

// Who else drains or reboots a node is known by what he writes, and a node that he is
// done with is ours to take. What is written is as in the sources of foreign.go.
func TestForeign(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	kured := func(lock string) *snapshot.Snapshot {
		d := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kured"}}
		if lock != "" {
			d.Annotations = map[string]string{"weave.works/kured-node-lock": lock}
		}
		return &snapshot.Snapshot{DaemonSets: []*appsv1.DaemonSet{d}}
	}
	mco := func(more map[string]string) map[string]string {
		all := map[string]string{
			"machineconfiguration.openshift.io/currentConfig": "rendered-worker-1", "machineconfiguration.openshift.io/desiredConfig": "rendered-worker-1",
			"machineconfiguration.openshift.io/desiredDrain": "uncordon-rendered-worker-1", "machineconfiguration.openshift.io/lastAppliedDrain": "uncordon-rendered-worker-1",
			"machineconfiguration.openshift.io/state": "Done", "machineconfiguration.openshift.io/reason": "",
		}
		for key, value := range more {
			all["machineconfiguration.openshift.io/"+key] = value
		}
		return all
	}
	for name, test := range map[string]struct {
		has    map[string]string // annotations
		taints []corev1.Taint
		in     *snapshot.Snapshot
		reason string // "" : it may leave
		object string
	}{
		"nobody is there":                      {},
		"kured has no lock":                    {in: kured("")},
		"kured has locked it":                  {in: kured(`{"nodeID":"n1","metadata":{"unschedulable":false},"created":"2026-11-20T12:00:00Z","TTL":0}`), reason: "Kured", object: "DaemonSet kube-system/kured"},
		"kured's lock has some time left":      {in: kured(`{"nodeID":"n1","metadata":{},"created":"2026-11-21T11:31:00Z","TTL":1800000000000}`), reason: "Kured", object: "DaemonSet kube-system/kured"},
		"kured's lock has run out":             {in: kured(`{"nodeID":"n1","metadata":{},"created":"2026-11-21T11:30:00Z","TTL":1800000000000}`)},
		"kured has locked another":             {in: kured(`{"nodeID":"n2","metadata":{},"created":"2026-11-20T12:00:00Z","TTL":0}`)},
		"kured has locked it beside others":    {in: kured(`{"maxOwners":2,"locks":[{"nodeID":"n2","created":"2026-11-20T12:00:00Z","TTL":0},{"nodeID":"n1","created":"2026-11-20T12:00:00Z","TTL":0}]}`), reason: "Kured", object: "DaemonSet kube-system/kured"},
		"kured is locked by hand":              {in: kured(`{"nodeID":"manual"}`)},
		"kured is about to reboot it":          {has: map[string]string{"weave.works/kured-reboot-in-progress": "2026-11-21T11:00:00Z"}, reason: "Kured"},
		"it is in maintenance":                 {in: &snapshot.Snapshot{Maintenances: []snapshot.Maintenance{{Name: "disk", Node: "n1", Reason: "a new disk"}}}, reason: "NodeMaintenance", object: "NodeMaintenance disk"},
		"another is in maintenance":            {in: &snapshot.Snapshot{Maintenances: []snapshot.Maintenance{{Name: "n1", Node: "n2"}}}},
		"its maintenance may not be read":      {taints: []corev1.Taint{{Key: "medik8s.io/drain", Effect: corev1.TaintEffectNoSchedule}}, reason: "NodeMaintenance"},
		"its configuration is as it should be": {has: mco(nil)},
		"it is being configured":               {has: mco(map[string]string{"state": "Working"}), reason: "MachineConfig"},
		"it could not be configured":           {has: mco(map[string]string{"state": "Degraded", "reason": "disk full"}), reason: "MachineConfig"},
		"it is to be drained":                  {has: mco(map[string]string{"desiredDrain": "drain-rendered-worker-2"}), reason: "MachineConfig"},
		"it is drained":                        {has: mco(map[string]string{"desiredDrain": "drain-rendered-worker-2", "lastAppliedDrain": "drain-rendered-worker-2"}), reason: "MachineConfig"},
		"it is to be given back":               {has: mco(map[string]string{"desiredDrain": "uncordon-rendered-worker-2"}), reason: "MachineConfig"},
		"it is to be configured":               {has: mco(map[string]string{"desiredConfig": "rendered-worker-2"}), reason: "MachineConfig"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := cmp.Or(test.in, &snapshot.Snapshot{})
			in.Nodes = []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "n1", Annotations: test.has}, Spec: corev1.NodeSpec{Unschedulable: test.reason != "", Taints: test.taints}}}
			all := Policy{Now: now, By: ByAge}.Sort(in.Indexed(), budget.NewIndex(nil))
			named := Policy{Now: now, By: ByAge, Names: []string{"n1"}}.Sort(in, budget.NewIndex(nil))
			if test.reason == "" {
				if len(all.Candidates) != 1 || len(named.Candidates) != 1 {
					t.Fatalf("it cannot leave: %+v, %+v", all.Passed, named.Blocked)
				}
				return
			}
			if len(all.Passed) != 1 || all.Passed[0].Fix == "" || len(named.Blocked) != 1 {
				t.Fatalf("passed %+v; named, blocked %+v", all.Passed, named.Blocked)
			}
			if b := named.Blocked[0].Blockers[0]; b.Reason != test.reason || b.Object != test.object || b.Fix == "" {
				t.Errorf("blocked by %+v, want %s by %q, and what ends it", b, test.reason, test.object)
			}
		})
	}
}
