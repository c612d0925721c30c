package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/test/ledger/lab"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/snapshots"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// storedLedger is a ledger in volumes over c1 and c2.
func storedLedger(t *testing.T) (*lab.Lab, *testfleet.Fleet) {
	t.Helper()
	fleet := testfleet.SharedWith(t, snapshots.Addon{}, velero.Addon{})
	return lab.NewStored(t, fleet, "c1", "c2"), fleet
}

// A snapshotter that is dead keeps nobody frozen for longer than the policy says, and its
// member is missing.
func TestSnapshotterIsDead(t *testing.T) {
	l, fleet := storedLedger(t)
	policy := l.PolicyLike(t, "ttl: 1h", "ttl: 1h, csiSnapshotTimeout: 15s")
	fleet.KillProgram(t, "c1", snapshots.Sidecar)
	code, out := l.Plugin(t, "create", "--yes", "-f", policy, "--max-freeze", "10s")
	is := l.Newest(t).Status
	t.Logf("%d: %s", code, out)
	if code == 0 || is.Complete || !strings.Contains(is.Members[0].Missing, "PartiallyFailed") || is.Members[0].CutBy != "" {
		t.Errorf("%d: %+v", code, is)
	}
	if l.Frozen("c1") || l.Frozen("c2") {
		t.Error("it is frozen still")
	}
	if *is.FrozenMillis > 15_000 {
		t.Errorf("it was frozen for %d ms, and should be for 10 s", *is.FrozenMillis)
	}
}

// agents is a node agent of Velero's to the eye, whose simulated pods are ready and do
// nothing.
const agents = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-agent, namespace: velero}
spec:
  selector: {matchLabels: {name: node-agent}}
  template:
    metadata: {labels: {name: node-agent, role: node-agent}}
    spec: {containers: [{name: node-agent, image: "registry.example/velero:1", command: [/velero], args: [node-agent, server]}]}
`

// Data that are still being moved make no set; what could not be moved is missing. There is
// no node agent here: its word is ours.
func TestDataAreMoved(t *testing.T) {
	l, _ := storedLedger(t)
	args := []string{"create", "ledger", "-C", "c1,c2", "--include-namespaces", "ledger", "--ttl", "1h", "--snapshot-move-data", "--timeout", "20s", "--yes"}
	if code, out := l.Plugin(t, args...); code != 5 || !strings.Contains(out, "runs Velero's node agent") {
		t.Fatalf("without a node agent: %d: %s", code, out)
	}
	manifest := filepath.Join(t.TempDir(), "agents.yaml")
	if err := os.WriteFile(manifest, []byte(agents), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{"c1", "c2"} {
		l.Kubectl(t, c, "apply", "-f", manifest)
		t.Cleanup(func() { l.Kubectl(t, c, "delete", "-f", manifest) })
		l.Kubectl(t, c, "-n", "velero", "rollout", "status", "daemonset/node-agent", "--timeout", "2m")
	}
	code, out := l.Plugin(t, args...)
	set := l.Newest(t)
	if code != 4 || set.Status.Phase != v1alpha1.BackupFinishing || set.Status.Grade != "" {
		t.Fatalf("%d, %s %s: %s", code, set.Status.Phase, set.Status.Grade, out)
	}
	for i, phase := range []string{"Completed", "Failed"} {
		m := set.Status.Members[i]
		upload := l.Kubectl(t, m.Cluster, "-n", "velero", "get", "datauploads", "-l", "velero.io/backup-name="+m.Backup.Name, "-o", "name")
		l.Kubectl(t, m.Cluster, "-n", "velero", "patch", strings.TrimSpace(upload), "--type=merge", "-p", fmt.Sprintf(`{"status":{"phase":%q,"snapshotID":"moved"}}`, phase))
	}
	code, out = l.Plugin(t, "recover", "-C", "c1,c2")
	is := l.Newest(t).Status
	t.Logf("%d: %s", code, out)
	if code != 3 || is.Phase != v1alpha1.BackupSealed || is.Complete {
		t.Fatalf("%d: %+v", code, is)
	}
	first, second := is.Members[0], is.Members[1]
	if first.Missing != "" || len(first.Volumes) != 1 || !first.Volumes[0].Moved || first.Volumes[0].Handle != "moved" || first.Volumes[0].Skipped != "" {
		t.Errorf("what was moved: %+v", first)
	}
	// Velero calls the Backup Completed all the same, where nobody says why it failed.
	if !strings.Contains(second.Volumes[0].Skipped, "the DataUpload is Failed") {
		t.Errorf("what was not: %+v", second)
	}
}
