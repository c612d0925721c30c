package scale

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// sabotage is a change of the source by which a build breaks a promise.
type sabotage []edit

// edit is what is there once in a file, and what takes its place.
type edit struct{ file, good, bad string }

// build builds the plugin, sabotaged.
func (s sabotage) build(t *testing.T) string {
	t.Helper()
	root, err := stack.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "kubectl-fleetscale")
	args := []string{"build", "-trimpath", "-buildvcs=false", "-o", binary}
	replace := map[string]string{}
	for k, e := range s {
		path := filepath.Join(root, e.file)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(text), e.good) != 1 {
			t.Fatalf("%s: there is not one place with %q", e.file, e.good)
		}
		replace[path] = filepath.Join(dir, fmt.Sprintf("changed%d.go", k))
		if err := os.WriteFile(replace[path], []byte(strings.Replace(string(text), e.good, e.bad, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	args = append(args, "-overlay", file)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./cmd/kubectl-fleetscale")...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// leave lets the first two nodes of an estate leave.
func leave(t *testing.T, e *estate.Estate, binary, kubeconfig string) (out string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "down", "-C", cluster, "--nodes", e.Node(0)+","+e.Node(1), "--settle", "100ms", "--reserve=false",
		"--remove-with", "node", "--i-stopped-the-kubelet", "--node-gone-for", "100ms", "--yes")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "KUBECONFIG="+kubeconfig, "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=")
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// verdict compares what the watcher has found with what it should: nothing, if that
// is empty.
func verdict(t *testing.T, w *estate.Watcher, finds, out string, err error) {
	t.Helper()
	found := w.Found()
	switch {
	case finds == "" && (err != nil || len(found) > 0):
		t.Errorf("as it is: %v, %q\n%s", err, found, out)
	case finds != "" && !strings.Contains(strings.Join(found, "\n"), finds):
		t.Errorf("the watcher found %q, want %q\n%s", found, finds, out)
	}
}

// TestTheWatcherFindsSabotage builds the plugin with a line or two changed, lets
// nodes leave, and wants the watcher to say which promise was broken. The plugin as
// it is keeps it.
func TestTheWatcherFindsSabotage(t *testing.T) {
	deletes := sabotage{
		{
			"pkg/scale/evict/answer.go", "d.Evictor.Evict(ctx, p.Namespace, p.Name, p.UID, d.Options.Grace)",
			"d.View.member.Delete(ctx, member.Pods(), p.Namespace, p.Name, p.UID, member.WriteOptions{})",
		},
		{"pkg/scale/evict/share.go", "tokens[b.UID] <= 0 ||", "false && tokens[b.UID] <= 0 ||"},
	}
	began := "	began := time.Now()\n	var open time.Time\n"
	ungated := sabotage{{"pkg/scale/gate.go", began, "	if g != nil {\n		return nil\n	}\n" + began}}
	for _, test := range []struct {
		name     string
		sabotage sabotage
		floor    int // of five
		finds    string
	}{
		{"deletes in place of evicting", deletes, 4, "its budget demands"},
		{"does not wait for what was moved", ungated, 0, "went while web had"},
		{"is as it is", sabotage{}, 4, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := estate.New(t, cluster, 4)
			slow := estate.Slow(3 * time.Second)
			budget := estate.AtLeast(test.floor)
			if test.floor == 0 {
				budget = nil
			}
			e.Workload(t, "web", 5, budget, slow)
			w := e.Watch(t, map[string]int{"web": test.floor})
			out, err := leave(t, e, test.sabotage.build(t), e.Fleet.Kubeconfig())
			verdict(t, w, test.finds, out, err)
		})
	}
}

// TestAPodOfTheSameName holds an eviction back until the pod has come again, under
// its name, on another node. There it must not be evicted; a build that leaves the
// UID away does.
func TestAPodOfTheSameName(t *testing.T) {
	nameless := sabotage{{"pkg/member/evict.go", "Preconditions: &metav1.Preconditions{UID: &uid}, ", ""}}
	for _, test := range []struct {
		name     string
		sabotage sabotage
		finds    string
	}{
		{"without a UID", nameless, "pod db-0 went, and its node"},
		{"as it is", sabotage{}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := estate.New(t, cluster, 4)
			e.StatefulSet(t, "db", e.Node(0))
			binary := test.sabotage.build(t)
			held := &holder{estate: e}
			kubeconfig := held.before(t)
			w := e.Watch(t, nil)
			out, err := leave(t, e, binary, kubeconfig)
			if !held.did {
				t.Fatalf("nothing was evicted\n%s", out)
			}
			verdict(t, w, test.finds, out, err)
		})
	}
}

// holder is a proxy that holds the first eviction back until the pod that it means
// runs elsewhere.
type holder struct {
	estate *estate.Estate
	once   sync.Once
	did    bool
}

// before puts the holder before the API server, and returns a kubeconfig.
func (h *holder) before(t *testing.T) string {
	t.Helper()
	return meddle.Kubeconfig(t, map[string]*clientcmdapi.Cluster{
		cluster: meddle.Before(t, h.estate.Fleet.RESTConfig(t, cluster), func(w http.ResponseWriter, r *http.Request, server http.Handler) {
			if strings.HasSuffix(r.URL.Path, "/eviction") {
				h.once.Do(func() { h.move(r.Context(), t) })
			}
			server.ServeHTTP(w, r)
		}),
	})
}

// move deletes the pod, as somebody else might, and waits until it has come again.
func (h *holder) move(ctx context.Context, t *testing.T) {
	t.Helper()
	pods := h.estate.Client.CoreV1().Pods(h.estate.Name)
	before, err := pods.Get(ctx, "db-0", metav1.GetOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	if err := pods.Delete(ctx, "db-0", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
		return
	}
	estate.Eventually(t, "db-0 elsewhere", func() error {
		p, err := pods.Get(ctx, "db-0", metav1.GetOptions{})
		if err == nil && (p.UID == before.UID || p.Status.Phase != corev1.PodRunning) {
			err = fmt.Errorf("it is still %s", p.UID)
		}
		return err
	})
	h.did = true
}
