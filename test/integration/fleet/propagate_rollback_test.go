package fleet_test

import (
	"encoding/json"
	"testing"

	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// What is no longer wanted is left without --prune, and is of the set still: after a
// prune it comes back with a rollback, which means the last revision that is not the
// same as what is there.
func TestPropagateRollbackOfAPrune(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-back")
	red, blue := with(oneMap, "COLOR", "red"), with(oneMap, "COLOR", "blue")
	a.propagate(t, with(oneMap+extraMap, "COLOR", "red")).want(t, 0)
	a.propagate(t, blue).want(t, 0) // extra is left
	a.propagate(t, blue, "--prune").want(t, 0)
	a.do(t, "rollback").want(t, 0).says(t, "back to revision 2")
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if now := a.configMaps(t, cluster); len(now) != 2 || now["settings"]["color"] != "blue" {
			t.Errorf("%s: the prune was not taken back: %v", cluster, now)
		}
	})
	// The revision before is the same as the last, once it was applied by force over what
	// somebody else had set: back is what differs.
	a.propagate(t, red).want(t, 0)
	a.kubectlIn(t, a.clusters[0], with(red, "large", "small"), "apply", "--server-side", "--force-conflicts", "--field-manager=somebody")
	a.propagate(t, red, "--force-conflicts").want(t, 0)
	a.do(t, "rollback", "--force-conflicts").want(t, 0)
	a.each(t, func(cluster string, _ *kubernetes.Clientset) {
		if now := a.configMaps(t, cluster); now["settings"]["color"] != "blue" {
			t.Errorf("%s: back is not blue: %v", cluster, now)
		}
	})
}

// A run that has ended before its end is said to have stopped, and a cluster that
// had no turn shows what is applied there, and no drift.
func TestPropagateStatusOfAStoppedRun(t *testing.T) {
	t.Parallel()
	a := newApplication(t, "prop-stopped")
	a.propagate(t, with(oneMap, "COLOR", "red")).want(t, 0)
	a.propagate(t, with(oneMap, "COLOR", "blue"), "--waves", "1,100%", "--gate", "exit 1").want(t, 6)
	var list struct{ Items []v1alpha1.SetStatus }
	if err := json.Unmarshal([]byte(a.do(t, "status", "-o", "json").want(t, 0).stdout), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 2 {
		t.Fatalf("%d sets, want that of two clusters", len(list.Items))
	}
	first, second := list.Items[0], list.Items[1]
	if first.Phase != v1alpha1.SetStopped || first.Revision != 2 {
		t.Errorf("the first is %s at revision %d", first.Phase, first.Revision)
	}
	if second.Revision != 1 || second.Pending != 2 || len(second.Drifted) > 0 {
		t.Errorf("the second, which had no turn: revision %d, pending %d, drifted %v", second.Revision, second.Pending, second.Drifted)
	}
}
