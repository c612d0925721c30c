package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/snapshots"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
)

// What is written into a volume is backed up by real Velero, as a snapshot that real controllers take, and is there again in what is restored: in
// the cluster that lost it, and in another.
func TestSnapshots(t *testing.T) {
	r := upReal(t, "-n", "2", "--nodes", "1", "--with", "snapshots")
	if got := r.states(t); got != "running running running" {
		t.Errorf("states: %s", got)
	}
	// As many as with Velero alone: the driver listens on a socket of the file system.
	assertLoopback(t, r.Dir, 11)
	r.kubectl(t, "--context=c1", "create", "namespace", "shop")
	manifest := filepath.Join(t.TempDir(), "claim.yaml")
	if err := os.WriteFile(manifest, []byte(`apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: till, namespace: shop}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.kubectl(t, "--context=c1", "apply", "-f", manifest)
	old := r.volume(t, "c1")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(old, "prices"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("bread: 3")
	r.velero(t, "c1", "backup", "create", "shop-1", "--include-namespaces=shop", "--wait")
	r.wantCompleted(t, "c1", "backup/shop-1")
	write("bread: 4")
	taken, err := filepath.Glob(filepath.Join(r.Dir, "c1", "storage", "snapshots", "*"))
	if err != nil || len(taken) != 1 {
		t.Fatalf("snapshots: %v, %v; want one", taken, err)
	}

	r.kubectl(t, "--context=c1", "delete", "namespace", "shop")
	r.gone(t, old)
	// Who calls the driver ends, too, once it notices, and is back by itself.
	r.killUnits(t, "c1", snapshots.DriverProgram)
	if got := r.states(t); got != "degraded running running" {
		t.Errorf("states: %s", got)
	}
	testbed(t, "start", "c1", "--dir", r.Dir)
	r.velero(t, "c1", "restore", "create", "shop-1", "--from-backup=shop-1", "--wait")
	r.wantCompleted(t, "c1", "restore/shop-1")
	r.wantPrices(t, "c1")

	r.killUnits(t, "c2", "velero") // synced when a server starts
	testbed(t, "start", "c2", "--dir", r.Dir)
	r.inTime(t, "c2 knows of the backup", func() error {
		_, err := r.tryKubectl(t, "--context=c2", "-n", velero.Namespace, "get", "backup", "shop-1")
		return err
	})
	r.velero(t, "c2", "restore", "create", "shop-1", "--from-backup=shop-1", "--wait")
	r.wantCompleted(t, "c2", "restore/shop-1")
	r.wantPrices(t, "c2")

	r.velero(t, "c1", "backup", "delete", "shop-1", "--confirm")
	r.gone(t, taken[0])
}

// volume is the directory of the claim, once it is bound.
func (r *realBed) volume(t *testing.T, cluster string) string {
	t.Helper()
	r.kubectl(t, "--context", cluster, "-n", "shop", "wait", "--for=jsonpath={.status.phase}=Bound", "pvc/till", "--timeout=2m")
	name := r.kubectl(t, "--context", cluster, "-n", "shop", "get", "pvc", "till", "-o", "jsonpath={.spec.volumeName}")
	return r.kubectl(t, "--context", cluster, "get", "pv", name, "-o", "jsonpath={.spec.csi.volumeAttributes."+snapshots.Directory+"}")
}

func (r *realBed) wantPrices(t *testing.T, cluster string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.volume(t, cluster), "prices"))
	if err != nil || string(text) != "bread: 3" {
		t.Errorf("%s: what was restored: %q, %v", cluster, text, err)
	}
}

// gone waits until there is no such directory.
func (r *realBed) gone(t *testing.T, dir string) {
	t.Helper()
	r.inTime(t, dir+" is gone", func() error {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("it is left (%w)", err)
		}
		return nil
	})
}
