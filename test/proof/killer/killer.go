// Package killer kills the plugin at one of its writes, for tests that prove that
// the same command completes what a killed one began.
package killer

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/test/meddle"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// actAs in the environment makes the test binary the plugin.
const actAs = "KUBECTL_FLEET_TEST_ACT_AS_PLUGIN"

// Main is for TestMain: the test binary is the plugin of this command, too.
func Main(m *testing.M, newCommand func(*cli.Env) *cobra.Command) {
	if os.Getenv(actAs) != "" {
		os.Exit(int(cli.Main(newCommand)))
	}
	testfleet.Main(m)
}

// Command is the plugin as a process, with an environment beside the test's own.
func Command(ctx context.Context, tb testing.TB, env []string, args ...string) *exec.Cmd {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(append(os.Environ(), actAs+"=1", "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG="), env...)
	return cmd
}

// Env is the environment in which the test binary is the plugin.
func Env() []string { return []string{actAs + "=1"} }

// Killer stands before API servers and kills the plugin at one of its writes:
// before the server hears of it, or after it has done it and before the plugin
// hears.
type Killer struct {
	// Terminal: a terminal is the plugin's stderr.
	Terminal bool

	mu      sync.Mutex
	plugin  *os.Process
	writes  int
	at      int // the write to kill at; 0: none
	after   bool
	reached bool
}

// strike counts a request of the plugin, and says whether it is the one.
func (k *Killer) strike(r *http.Request) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !meddle.IsWrite(r) && !isExec(r) {
		return false
	}
	k.writes++
	if k.writes != k.at {
		return false
	}
	k.reached = true
	return true
}

// isExec is true for what changes something in a container. Its answer is a stream:
// after it is half way into it.
func isExec(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/exec") }

const halfWay = 60 * time.Millisecond

func (k *Killer) kill() { k.Signal(os.Kill) }

// Signal signals the plugin that runs now.
func (k *Killer) Signal(s os.Signal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.plugin.Signal(s)
}

// Before puts the killer before an API server, and returns a context's cluster.
func (k *Killer) Before(tb testing.TB, config *rest.Config) *clientcmdapi.Cluster {
	tb.Helper()
	return meddle.Before(tb, config, func(w http.ResponseWriter, r *http.Request, server http.Handler) {
		if !k.strike(r) {
			server.ServeHTTP(w, r)
			return
		}
		if k.after && isExec(r) {
			time.AfterFunc(halfWay, k.kill)
			server.ServeHTTP(w, r)
			return
		}
		if k.after {
			server.ServeHTTP(httptest.NewRecorder(), r)
		}
		k.kill()
		_, _ = io.Copy(io.Discard, r.Body)
	})
}

// Run runs the plugin, with an environment beside the test's own, and kills it at
// one of its writes; at 0 it is left alone. reached is false if it did not write
// so often.
func (k *Killer) Run(tb testing.TB, at int, after bool, env []string, args ...string) (code int, output string, reached bool) {
	tb.Helper()
	cmd := Command(context.WithoutCancel(tb.Context()), tb, env, args...) // cleaning up is done with it, too
	out := &said{}
	cmd.Stdout, cmd.Stderr = out, out
	var seen sync.WaitGroup
	if k.Terminal {
		master, slave := terminal(tb)
		defer func() { _ = master.Close() }()
		cmd.Stderr, cmd.Env = slave, append(cmd.Env, "TERM=xterm")
		seen.Go(func() { _, _ = io.Copy(out, master) }) // until nobody has the slave any more
	}
	k.mu.Lock()
	k.writes, k.at, k.after, k.reached = 0, at, after, false
	err := cmd.Start()
	k.plugin = cmd.Process
	k.mu.Unlock()
	if err != nil {
		tb.Fatal(err)
	}
	if slave, is := cmd.Stderr.(*os.File); is {
		_ = slave.Close()
	}
	_ = cmd.Wait() // its exit code says it
	seen.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	return cmd.ProcessState.ExitCode(), out.String(), k.reached
}

// Writes is how often the plugin wrote in the last run.
func (k *Killer) Writes() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.writes
}
