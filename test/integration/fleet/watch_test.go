package fleet_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// following is a command that goes on, and what it says.
type following struct {
	cmd   *exec.Cmd
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
	f := &following{cmd: cmd, lines: make(chan string, 1000)}
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
		w.sees(t, "note: "+dying+" is lost")
		create(live, "meanwhile")
		w.sees(t, "ADDED", live, "meanwhile")
	})
	w.sees(t, "note: "+dying+" is back")
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
