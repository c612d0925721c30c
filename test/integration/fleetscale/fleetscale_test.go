// Package fleetscale_test runs kubectl fleetscale, as a process, against real
// clusters with the real scheduler and disruption controller. Each test has nodes
// and a namespace of its own.
package fleetscale_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetscale"
	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
)

func TestMain(m *testing.M) {
	plugins().Act()
	killer.Main(m, fleetscale.NewCmdFleetscale)
}

// patience ends what hangs. It is no measure of speed.
const patience = 2 * time.Minute

// estate is nodes of a test's own, and a home for the plugin.
type estate struct {
	*estates.Estate

	home       string
	kubeconfig string
}

// result is what a command did.
type result struct {
	stdout, stderr string
	code           int
}

// want fails the test unless the command ended with this code.
func (r result) want(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
	return r
}

// says fails the test unless the command has said all of this.
func (r result) says(t *testing.T, texts ...string) result {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			t.Fatalf("nothing says %q\nstdout:\n%s\nstderr:\n%s", text, r.stdout, r.stderr)
		}
	}
	return r
}

// command is the plugin with the estate's cluster.
func (e *estate) command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	cmd := killer.Command(ctx, t, []string{"HOME=" + e.home, "KUBECONFIG=" + e.kubeconfig, "KUBECACHEDIR=" + filepath.Join(e.home, "cache")}, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	return cmd, &stdout, &stderr
}

func (e *estate) run(t *testing.T, args ...string) result {
	t.Helper()
	cmd, stdout, stderr := e.command(t, args...)
	began := time.Now()
	err := cmd.Run()
	t.Logf("%s: %s", strings.Join(args, " "), time.Since(began).Round(time.Millisecond))
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return result{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
}

// running is the plugin at work.
type running struct {
	cmd    *exec.Cmd
	stdout *bytes.Buffer
	heard  *listener
}

// begin runs the plugin, and returns when it has said something.
func (e *estate) begin(t *testing.T, when string, args ...string) *running {
	t.Helper()
	r := &running{heard: &listener{}}
	r.cmd, r.stdout, _ = e.command(t, args...)
	r.cmd.Stderr = r.heard
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.says(t, when)
	return r
}

// says waits until it has said something.
func (r *running) says(t *testing.T, what string) {
	t.Helper()
	estates.Eventually(t, what, func() error {
		if !strings.Contains(r.heard.String(), what) {
			return fmt.Errorf("it has said %s", r.heard)
		}
		return nil
	})
}

// ctrlC is what a user presses.
func (r *running) ctrlC(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
}

// ends waits until it has come to its end.
func (r *running) ends() result {
	_ = r.cmd.Wait() // its exit code says it
	return result{stdout: r.stdout.String(), stderr: r.heard.String(), code: r.cmd.ProcessState.ExitCode()}
}

// interrupt runs the plugin, and presses Ctrl-C when it has said something.
func (e *estate) interrupt(t *testing.T, when string, args ...string) result {
	t.Helper()
	r := e.begin(t, when, args...)
	r.ctrlC(t)
	return r.ends()
}

// here are the flags that say: nodes of this estate, and quickly.
func (e *estate) here(args ...string) []string {
	return append(args, "-C", e.Cluster, "--pool", e.Name, "--min-age", "0", "--settle", "500ms", "--reserve=false")
}

// gone are the flags of the remover that deletes Node objects.
func gone(args []string) []string {
	return append(args, "--remove-with", "node", "--i-stopped-the-kubelet", "--node-gone-for", "1s", "--yes")
}

func newEstate(t *testing.T, cluster string, nodes int) *estate {
	t.Helper()
	e := &estate{Estate: estates.New(t, cluster, nodes), home: t.TempDir()}
	e.kubeconfig = e.Fleet.Kubeconfig()
	return e
}

// isGone is true for an object that is not there.
func isGone(err error) bool { return apierrors.IsNotFound(err) }
