package backup

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

// TestQueueStandsStill: an API server is slow to answer that a Backup's turn has come, and
// the Backup cannot be begun, so that Velero counts it for ever and begins no other
// (velero-io/velero#10519). Who waits is told, and what to do; when that is done, his set
// comes to be. Who comes later is refused.
func TestQueueStandsStill(t *testing.T) {
	l := newTills(t)
	policy := l.unheld(t)
	said, err := os.Create(filepath.Join(l.folder, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = said.Close() }()
	create := killer.Command(t.Context(), t, l.env, "create", "-f", policy, "--yes", "--timeout", "10m")
	create.Stderr = said
	t.Run("forgetful", func(t *testing.T) {
		l.forgetful(t, "c2")
		lost := filepath.Join(l.folder, "lost.yaml")
		if err := os.WriteFile(lost, []byte(`{apiVersion: velero.io/v1, kind: Backup, metadata: {name: lost, namespace: velero}, spec: {storageLocation: nowhere}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		l.kubectl(t, "c2", "create", "-f", lost)
		t.Cleanup(func() { l.kubectl(t, "c2", "delete", "-f", lost) })
		l.kubectl(t, "c2", "-n", "velero", "wait", "backup/lost", "--for=jsonpath={.status.phase}=FailedValidation", "--timeout=2m")
		time.Sleep(2 * slowness) // until Velero has heard that its turn had come
		if err := create.Start(); err != nil {
			t.Fatal(err)
		}
		const word = "Velero's queue stands still"
		for end := time.Now().Add(5 * time.Minute); !strings.Contains(read(t, said.Name()), word); time.Sleep(time.Second) {
			if time.Now().After(end) {
				t.Fatalf("nothing is said of it: %s", read(t, said.Name()))
			}
		}
		if text := read(t, said.Name()); !strings.Contains(text, "c2: "+word) || strings.Contains(text, "c1: "+word) || !strings.Contains(text, "restart Velero") {
			t.Errorf("create: %s", text)
		}
		out, err := killer.Command(t.Context(), t, l.env, "preflight", "-f", policy).CombinedOutput()
		if err == nil || !strings.Contains(string(out), word) {
			t.Errorf("preflight: %v: %s", err, out)
		}
	})
	if err := create.Wait(); err != nil { // its Velero was restarted
		t.Errorf("create: %v: %s", err, read(t, said.Name()))
	}
}

// unheld is the policy without its holds.
func (l *tills) unheld(t *testing.T) string {
	t.Helper()
	members, _, _ := strings.Cut(read(t, l.policy), "  maxFreeze:")
	path := filepath.Join(l.folder, "unheld.yaml")
	if err := os.WriteFile(path, []byte(members), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// slowness is how long Velero waits for the answer to a Backup's turn.
const slowness = 2 * time.Second

// forgetful puts a Velero in the place of a cluster's, until the test ends, to which the
// API server answers late that a Backup is ReadyToStart.
func (l *tills) forgetful(t *testing.T, cluster string) {
	t.Helper()
	unit, err := process.Load(filepath.Join(l.fleet.Dir(), cluster, "run", "velero.json"))
	if err != nil {
		t.Fatal(err)
	}
	late := meddle.Before(t, l.fleet.RESTConfig(t, cluster), func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		if r.Method != http.MethodPatch || !strings.Contains(r.URL.Path, "/backups/") {
			server.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, r)
		if bytes.Contains(body, []byte("ReadyToStart")) {
			time.Sleep(slowness)
		}
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = answer.Body.WriteTo(w)
	})
	config := clientcmdapi.NewConfig()
	config.Clusters[cluster], config.Contexts[cluster], config.CurrentContext = late, &clientcmdapi.Context{Cluster: cluster}, cluster
	kubeconfig := filepath.Join(l.folder, "velero")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	l.fleet.KillProgram(t, cluster, "velero")
	velero := exec.CommandContext(t.Context(), unit.Path)
	for _, arg := range unit.Args {
		switch {
		case strings.HasPrefix(arg, "--kubeconfig="):
			arg = "--kubeconfig=" + kubeconfig
		case strings.HasPrefix(arg, "--concurrent-backups="):
			continue // as Velero has it by default
		}
		velero.Args = append(velero.Args, arg)
	}
	velero.Env = unit.Env
	if err := velero.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = velero.Process.Kill()
		_ = velero.Wait()
	})
}
