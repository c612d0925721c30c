package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
)

// A namespace of one cluster is backed up, seen from another and restored there, by real Velero; the store that they share can be hurt and
// mended, and keeps what it has.
func TestVelero(t *testing.T) {
	r := upReal(t, "-n", "2", "--nodes", "1", "--with", "velero")
	if got := r.states(t); got != "running running running" {
		t.Errorf("states: %s", got)
	}
	// API server, etcd twice, kwok and Velero's metrics in two clusters, and the store.
	assertLoopback(t, r.Dir, 11)
	if out := r.velero(t, "c2", "version", "--timeout=2m"); strings.Count(out, "Version: v1.") != 2 {
		t.Errorf("version says nothing of client and server:\n%s", out)
	}
	r.kubectl(t, "--context=c1", "create", "namespace", "shop")
	r.kubectl(t, "--context=c1", "-n", "shop", "create", "configmap", "prices", "--from-literal=bread=3")
	r.kubectl(t, "--context=c1", "-n", "shop", "create", "deployment", "till", "--image=registry.example/till:1", "--replicas=2")
	r.kubectl(t, "--context=c1", "-n", "shop", "rollout", "status", "deployment/till", "--timeout=2m")

	r.velero(t, "c1", "backup", "create", "shop-1", "--include-namespaces=shop", "--wait")
	r.wantCompleted(t, "c1", "backup/shop-1")
	// Synced once a minute, and when a server starts.
	r.killUnits(t, "c2", "velero")
	if got := r.states(t); got != "running degraded running" {
		t.Errorf("states: %s", got)
	}
	testbed(t, "start", "c2", "--dir", r.Dir)
	r.inTime(t, "c2 knows of the backup", func() error {
		location, err := r.tryKubectl(t, "--context=c2", "-n", velero.Namespace, "get", "backup", "shop-1", "-o", "jsonpath={.spec.storageLocation}")
		if err == nil && location != "c1" {
			err = fmt.Errorf("it is in %q", location)
		}
		return err
	})

	r.velero(t, "c2", "restore", "create", "shop-1", "--from-backup=shop-1", "--wait")
	r.wantCompleted(t, "c2", "restore/shop-1")
	if out := r.kubectl(t, "--context=c2", "-n", "shop", "get", "configmap", "prices", "-o", "jsonpath={.data.bread}"); out != "3" {
		t.Errorf("what was restored: %q", out)
	}
	r.kubectl(t, "--context=c2", "-n", "shop", "rollout", "status", "deployment/till", "--timeout=2m")

	// Before the store is hurt: for a minute after that Velero may hold its locations for unavailable, and deletes nothing.
	r.velero(t, "c1", "backup", "create", "shop-2", "--include-namespaces=shop", "--wait")
	kept := filepath.Join(r.Dir, velero.Store, "objects", "velero", "c1", "backups", "shop-2")
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("the store keeps the backup elsewhere: %v", err)
	}
	r.velero(t, "c1", "backup", "delete", "shop-2", "--confirm")
	r.inTime(t, "the store has no backup", func() error {
		if _, err := os.Stat(kept); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is left (%w)", kept, err)
		}
		return nil
	})

	testbed(t, "kill", velero.Store, "--dir", r.Dir)
	if got := r.states(t); got != "running running down" {
		t.Errorf("states: %s", got)
	}
	if out, err := r.tryVelero(t, "c1", "backup", "logs", "shop-1"); err == nil {
		t.Errorf("logs without a store: %s", out)
	}
	testbed(t, "start", velero.Store, "--dir", r.Dir)
	if out := r.velero(t, "c1", "backup", "logs", "shop-1"); !strings.Contains(out, "backup=velero/shop-1") {
		t.Errorf("logs: %s", out)
	}
	testbed(t, "hang", velero.Store, "--dir", r.Dir)
	if got := r.states(t); got != "running running hung" {
		t.Errorf("states: %s", got)
	}
	testbed(t, "resume", velero.Store, "--dir", r.Dir)
}

// wantCompleted tells apart what Velero's own exit code does not, nor its phase: one that did nothing is Completed, too.
func (r *realBed) wantCompleted(t *testing.T, cluster, what string) {
	t.Helper()
	out := r.kubectl(t, "--context", cluster, "-n", velero.Namespace, "get", what, "-o", "jsonpath={.status.phase}, {.status.progress.totalItems} items, errors: {.status.errors}")
	if !regexp.MustCompile(`^Completed, [1-9]\d* items, errors: $`).MatchString(out) {
		t.Errorf("%s in %s: %s", what, cluster, out)
	}
}

func (r *realBed) tryVelero(t *testing.T, cluster string, args ...string) (string, error) {
	t.Helper()
	path, err := r.Program("velero")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{"--kubeconfig", r.Kubeconfig(), "--kubecontext", cluster}, args...)...)
	// It reads and writes a configuration of the user.
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("velero %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// velero runs Velero's own command against a cluster.
func (r *realBed) velero(t *testing.T, cluster string, args ...string) string {
	t.Helper()
	out, err := r.tryVelero(t, cluster, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
