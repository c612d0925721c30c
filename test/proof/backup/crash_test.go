// Package backup proves that a set can be killed at any write, and in the middle of
// any word with a target, and that recover ends it: nothing stays frozen, and nothing
// is called better than it was. It takes minutes: it is run by `make proof`, and its
// results are kept in docs/proof.
package backup

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetbackup"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/velero"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

func TestMain(m *testing.M) { killer.Main(m, fleetbackup.NewCmdFleetbackup) }

// clusters are the members of every set.
func clusters() []string { return []string{"c1", "c2"} }

// tills are an application in two clusters, which says whether it is held still.
type tills struct {
	*killer.Killer
	fleet  *testfleet.Fleet
	env    []string
	folder string
	policy string
}

func newTills(t *testing.T) *tills {
	t.Helper()
	l := &tills{Killer: &killer.Killer{}, fleet: testfleet.SharedWith(t, velero.Addon{}), folder: t.TempDir()}
	config := clientcmdapi.NewConfig()
	actions := ""
	for _, c := range clusters() {
		config.Clusters[c] = l.Before(t, l.fleet.RESTConfig(t, c))
		config.Contexts[c] = &clientcmdapi.Context{Cluster: c}
		l.kubectl(t, c, "create", "namespace", "tills")
		l.kubectl(t, c, "-n", "tills", "create", "deployment", "till", "--image", "registry.example/till:1")
		l.kubectl(t, c, "-n", "tills", "rollout", "status", "deployment/till", "--timeout", "2m")
		t.Cleanup(func() { l.kubectl(t, c, "delete", "namespace", "tills", "--wait=false") })
		held := filepath.Join(l.folder, c)
		actions += fmt.Sprintf(`
    - clusters: [%s]
      timeout: 20s
      exec:
        namespace: tills
        selector: app=till
        freeze: [sh, -c, "touch %[2]s"]
        release: [sh, -c, "rm -f %[2]s"]
        probe: [test, -e, %[2]s]`, c, held)
	}
	l.policy = filepath.Join(l.folder, "policy.yaml")
	policy := `apiVersion: kubectl-fleet.io/v1alpha1
kind: BackupSchedule
metadata: {name: tills}
spec:
  members: [{cluster: c1}, {cluster: c2}]
  velero: {template: {includedNamespaces: [tills], ttl: 1h}}
  maxFreeze: 60s
  quiesce:
  - actions:` + actions + "\n"
	file := filepath.Join(l.folder, "kubeconfig")
	if err := os.WriteFile(l.policy, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	l.env = []string{"HOME=" + l.folder, "KUBECONFIG=" + file, "KUBECACHEDIR=" + filepath.Join(l.folder, "cache")}
	return l
}

func (l *tills) kubectl(t *testing.T, cluster string, args ...string) {
	t.Helper()
	out, err := exec.Command(l.fleet.Binary(t, "kubectl"), append([]string{"--kubeconfig", l.fleet.Kubeconfig(), "--context", cluster}, args...)...).CombinedOutput() //nolint:noctx // cleaning up is done with it, too
	if err != nil {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// frozen are the clusters whose till is held still.
func (l *tills) frozen() []string {
	var frozen []string
	for _, c := range clusters() {
		if _, err := os.Stat(filepath.Join(l.folder, c)); err == nil {
			frozen = append(frozen, c)
		}
	}
	return frozen
}

// newest is the newest set that the clusters remember; nil if there is none.
func (l *tills) newest(t *testing.T) *v1alpha1.BackupExecution {
	t.Helper()
	code, out, _ := l.Run(t, 0, false, l.env, "get", "-o", "json")
	list := struct {
		Items []v1alpha1.BackupExecution `json:"items"`
	}{}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("get: %d %v: %s", code, err, out)
	}
	if len(list.Items) == 0 {
		return nil
	}
	return &list.Items[0]
}

func (l *tills) create(t *testing.T, at int, after bool) (int, string, bool) {
	t.Helper()
	return l.Run(t, at, after, l.env, "create", "-f", l.policy, "--yes")
}

// TestKilledAtAnyWrite kills create at each of its writes, before the server hears of
// it and after it was done, and in the middle of each exec.
func TestKilledAtAnyWrite(t *testing.T) {
	l := newTills(t)
	grades := map[v1alpha1.BackupGrade]int{}
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			code, out, reached := l.create(t, at, after)
			if !reached {
				if set := l.newest(t); code != 0 || set.Status.Grade != v1alpha1.GradeQuiesced {
					t.Fatalf("create without a kill: %d %s", code, out)
				}
				t.Logf("create: %d writes, after it is %t", at-1, after)
				break
			}
			t.Run(fmt.Sprintf("after-%t-%d", after, at), func(t *testing.T) { l.recover(t, grades) })
		}
	}
	t.Logf("recovered sets, by their grade: %v", grades)
}

// recover ends what was killed, and says what is not as it has to be.
func (l *tills) recover(t *testing.T, grades map[v1alpha1.BackupGrade]int) {
	t.Helper()
	before := l.newest(t)
	code, out, _ := l.Run(t, 0, false, l.env, "recover", "-C", "c1,c2")
	if code != 0 && code != 7 && code != 1 {
		t.Errorf("recover: %d %s", code, out)
	}
	if frozen := l.frozen(); len(frozen) > 0 {
		t.Errorf("still frozen: %v\n%s", frozen, out)
	}
	is := l.newest(t)
	switch {
	case is == nil: // it was killed before anything was written down
	case is.Status.Phase == v1alpha1.BackupSealed:
		grades[is.Status.Grade]++
		if is.Status.Grade == v1alpha1.GradeQuiesced && before.Status.Phase != v1alpha1.BackupFinishing && before.Status.Phase != v1alpha1.BackupSealed {
			t.Errorf("%s died in %s, and is called %s", is.Name, before.Status.Phase, is.Status.Grade)
		}
		if is.Status.Grade == v1alpha1.GradeQuiesced && code != 0 || is.Status.Grade == v1alpha1.GradeTorn && code == 1 {
			t.Errorf("%s: recover ended with %d", is.Status.Grade, code)
		}
	case is.Status.Phase != v1alpha1.BackupAborted:
		t.Errorf("recover left it in %s: %s", is.Status.Phase, out)
	}
	if code, again, _ := l.Run(t, 0, false, l.env, "recover", "-C", "c1,c2"); code != 0 || !strings.Contains(again, "nothing to recover") || l.Writes() > 0 {
		t.Errorf("recover, again: %d, %d writes: %s", code, l.Writes(), again)
	}
	l.idle(t)
}

// idle waits until no Velero has anything to do: it makes one Backup at once, and
// preflight refuses to come after another.
func (l *tills) idle(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if code, _, _ := l.Run(t, 0, false, l.env, "create", "-f", l.policy, "--dry-run", "client"); code == 0 {
			return
		}
	}
}
