package fleetbackup_test

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	addon "github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
)

// A namespace is brought into another cluster, and stays where it was.
func TestMigrate(t *testing.T) {
	r := backedUp(t, "migrated")
	args := []string{"migrate", "--from", "c1", "--to", "c2", "-n", r.name, "--namespace-mappings", r.name + ":" + r.name + "-2"}
	t.Cleanup(func() {
		_ = objects(t, "c2", "", "v1", "namespaces", "").Delete(context.WithoutCancel(t.Context()), r.name+"-2", metav1.DeleteOptions{})
	})
	r.wants(t, 0, append(args, "--dry-run=server"), r.name+" -> "+r.name+"-2")
	if err := gone(t, "c2", r.name+"-2"); err != nil {
		t.Error(err)
	}
	r.wants(t, 0, args, "is ready after", "nothing was deleted in c1")
	r.has(t, "c2", r.name+"-2")
	r.has(t, "c1", r.name)
	// A target that cannot is found before anything is backed up.
	sets := func() int {
		t.Helper()
		all, err := serverOf(t, "c1").Backups(t.Context(), "kubectl-fleet.io/backup-policy=migrate-"+r.name)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := sets()
	locations := objects(t, "c2", "velero.io", "v1", "backupstoragelocations", addon.Namespace)
	away, err := locations.Get(t.Context(), "c1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := locations.Delete(t.Context(), "c1", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		away.SetResourceVersion("")
		if _, err := locations.Create(context.WithoutCancel(t.Context()), away, metav1.CreateOptions{}); err != nil {
			t.Error(err)
		}
	})
	r.wants(t, 5, args, "no BackupStorageLocation is at bucket velero", "nothing was changed")
	if n := sets(); n != before {
		t.Errorf("there are %d Backups, and were %d", n, before)
	}
}
