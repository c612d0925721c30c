package fleetbackup_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	addon "github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
)

// run runs the plugin, and returns all that it says.
func run(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	code, said, _ = (&killer.Killer{}).Run(t, 0, false, []string{"HOME=" + t.TempDir(), "KUBECONFIG=" + bed(t).Kubeconfig()}, args...)
	return code, said
}

// plugin runs the plugin, which must end with a code, and returns all that it says.
func plugin(t *testing.T, want cli.ExitCode, args ...string) string {
	t.Helper()
	code, said := run(t, args...)
	if code != int(want) {
		t.Fatalf("%v: exit code %d, want %d\n%s", args, code, want, said)
	}
	return said
}

// nameOf is the name of the set that create speaks of.
func nameOf(t *testing.T, policy, said string) string {
	t.Helper()
	name := regexp.MustCompile(`(?m)^(` + policy + `-\w+) `).FindStringSubmatch(said)
	if name == nil {
		t.Fatalf("no set of %s: %s", policy, said)
	}
	return name[1]
}

// forget deletes a set. Velero may take a Backup that has ended for one that is under way,
// and refuse, until it is restarted: delete says so, and then it is.
func forget(t *testing.T, name string, clusters ...string) {
	t.Helper()
	args := []string{"delete", name, "-C", strings.Join(clusters, ","), "--yes"}
	code, said := run(t, args...)
	if code == 0 {
		return
	}
	if !strings.Contains(said, "Velero will only see that when it is restarted") {
		t.Fatalf("%v: exit code %d\n%s", args, code, said)
	}
	t.Run("Velero is restarted", func(t *testing.T) {
		for _, c := range clusters {
			killVelero(t, c)
		}
	})
	plugin(t, cli.ExitOK, args...)
}

// A set is made, its logs are read, and it is deleted: from the clusters, and from the
// store.
func TestDelete(t *testing.T) {
	for _, cluster := range []string{"c1", "c2"} {
		shop(t, cluster, "deleted")
	}
	what := []string{"deleted", "-C", "c1,c2", "--include-namespaces", "deleted"}
	plugin(t, cli.ExitOK, append([]string{"preflight"}, what...)...)
	name := nameOf(t, "deleted", plugin(t, cli.ExitOK, append([]string{"create", "--yes"}, what...)...))
	logs := plugin(t, cli.ExitOK, "logs", name)
	for _, cluster := range []string{"c1", "c2"} {
		if !regexp.MustCompile(`(?m)^\[` + cluster + `\] .*Backed up a total of`).MatchString(logs) {
			t.Errorf("the log of %s lacks: %s", cluster, logs)
		}
	}
	kept, err := filepath.Glob(filepath.Join(bed(t).Dir(), addon.Store, "objects", "velero", "c*", "backups", "fb-"+name+"-*"))
	if err != nil || len(kept) != 4 { // of each member its own, and the manifest
		t.Errorf("the store has %v, %v", kept, err)
	}
	plugin(t, cli.ExitOK, "delete", name, "-C", "c1,c2", "--dry-run=server")
	plugin(t, cli.ExitOK, "logs", name)
	forget(t, name, "c1", "c2")
	for _, folder := range kept {
		if _, err := os.Stat(folder); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", folder, err)
		}
	}
	plugin(t, cli.ExitFailed, "get", name)
}
