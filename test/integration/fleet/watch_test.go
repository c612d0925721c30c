package fleet_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// following is a command that goes on, and what it says.
type following struct {
	cmd   *exec.Cmd
	out   io.Closer
	lines chan string
	all   []string
}

func (p *plugin) follow(t *testing.T, args ...string) *following {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env = p.env
	both, out := io.Pipe()
	cmd.Stdout, cmd.Stderr = out, out
	f := &following{cmd: cmd, out: out, lines: make(chan string, 1000)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		scanner := bufio.NewScanner(both)
		for scanner.Scan() {
			f.lines <- scanner.Text()
		}
		close(f.lines)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = out.Close()
	})
	return f
}

// sees waits for a line that has all of these words, unless there was one: the
// clusters answer in any order.
func (f *following) sees(t *testing.T, words ...string) {
	t.Helper()
	for _, line := range f.all {
		if containsAll(line, words) {
			return
		}
	}
	timeout := time.After(patience)
	for {
		select {
		case line, more := <-f.lines:
			if !more {
				t.Fatalf("ended before it said %q:\n%s", words, strings.Join(f.all, "\n"))
			}
			f.all = append(f.all, line)
			if containsAll(line, words) {
				return
			}
		case <-timeout:
			t.Fatalf("never said %q:\n%s", words, strings.Join(f.all, "\n"))
		}
	}
}

func containsAll(line string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(line, w) {
			return false
		}
	}
	return true
}

// A watch of the fleet shows changes of every cluster, says when one goes and
// when it comes back, and has missed nothing of what happened meanwhile.
func TestWatchOutlivesACluster(t *testing.T) {
	p := newPlugin(t)
	names := p.fleet.Clusters()
	live, dying := names[0], names[len(names)-1]
	p.namespace(t, "watched", 1)
	create := func(cluster, name string) {
		t.Helper()
		_, err := p.client(t, cluster).CoreV1().ConfigMaps("watched").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}

	w := p.follow(t, "get", "cm", "-n", "watched", "--watch", "--output-watch-events", "--cluster-timeout", "3s")
	for _, cluster := range names {
		w.sees(t, "ADDED", cluster, "thing-000")
	}
	create(dying, "before")
	w.sees(t, "ADDED", dying, "before")

	t.Run("killed", func(t *testing.T) {
		p.fleet.Kill(t, dying) // mended when this subtest ends
		w.sees(t, "note: "+dying+": lost: ")
		create(live, "meanwhile")
		w.sees(t, "ADDED", live, "meanwhile")
	})
	w.sees(t, "note: "+dying+": back")
	create(dying, "after")
	w.sees(t, "ADDED", dying, "after")
	if err := p.client(t, dying).CoreV1().ConfigMaps("watched").Delete(t.Context(), "before", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.sees(t, "DELETED", dying, "before")

	shown := 0
	for _, line := range w.all {
		if containsAll(line, []string{"ADDED", dying, "before"}) {
			shown++
		}
	}
	if shown != 1 {
		t.Errorf("the same object was shown %d times:\n%s", shown, strings.Join(w.all, "\n"))
	}
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = w.cmd.Wait()
	if code := w.cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d after Ctrl-C, want 130", code)
	}
}

// A watch in every format that has no end, and with columns of labels.
func TestWatchFormats(t *testing.T) {
	p := newPlugin(t)
	names := p.fleet.Clusters()
	p.namespace(t, "watched-formats", 1)
	base := []string{"get", "cm", "thing-000", "-n", "watched-formats", "--watch", "-C", names[0]}
	lines := p.follow(t, append(base, "-o", "jsonl", "--output-watch-events")...)
	named := p.follow(t, append(base, "-o", "name")...)
	picked := p.follow(t, append(base, "-o", `jsonpath={.metadata.annotations.kubectl-fleet\.io/cluster}:{.metadata.labels.step}{"\n"}`)...)
	columns := p.follow(t, append(base, "-o", "custom-columns=NAME:.metadata.name,STEP:.metadata.labels.step")...)
	labelled := p.follow(t, append(base, "-L", "step", "--show-labels")...)
	lines.sees(t, `"type":"ADDED"`, `"name":"thing-000"`)
	named.sees(t, names[0]+"/configmap/thing-000")
	picked.sees(t, names[0]+":")
	columns.sees(t, "NAME", "STEP")
	columns.sees(t, "thing-000", "<none>")
	labelled.sees(t, "CLUSTER", "NAME", "STEP", "LABELS")
	labelled.sees(t, "thing-000", "cluster="+names[0])

	patch := []byte(`{"metadata":{"labels":{"step":"second"}}}`)
	if _, err := p.client(t, names[0]).CoreV1().ConfigMaps("watched-formats").Patch(t.Context(), "thing-000", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	lines.sees(t, `"type":"MODIFIED"`, `"step":"second"`, `"kubectl-fleet.io/cluster":"`+names[0]+`"`)
	picked.sees(t, names[0]+":second")
	columns.sees(t, "thing-000", "second")
	labelled.sees(t, "thing-000", "second", "step=second")
	for _, line := range lines.all {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
		if strings.Contains(line, "managedFields") {
			t.Errorf("managed fields: %s", line)
		}
	}
}
