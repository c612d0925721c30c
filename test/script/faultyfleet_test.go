package script

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/fakefleet"
)

//go:embed testdata/faults.yaml
var faultObjects []byte

// bad is the cluster that has the fault; its neighbours have none.
const bad = "bad"

// faultyFleet is three fake clusters, of which bad will fail.
type faultyFleet struct {
	fleet  *fakefleet.Fleet
	folder string
	env    []string
}

func newFaultyFleet(t *testing.T) *faultyFleet {
	t.Helper()
	f := &faultyFleet{fleet: fakefleet.New(), folder: t.TempDir()}
	t.Cleanup(f.fleet.Close)
	if err := f.fleet.Up("alpha", bad, "omega"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alpha", bad, "omega"} {
		if err := f.server(t, name).Load(faultObjects); err != nil {
			t.Fatal(err)
		}
	}
	f.env = append(os.Environ(), "HOME="+f.folder, "KUBECONFIG="+f.kubeconfig(), "KUBECACHEDIR="+filepath.Join(f.folder, "cache"),
		"KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=", "TERM=dumb")
	return f
}

func (f *faultyFleet) kubeconfig() string { return filepath.Join(f.folder, "config") }

func (f *faultyFleet) write(t *testing.T) {
	t.Helper()
	if err := f.fleet.Kubeconfig.Write(f.kubeconfig()); err != nil {
		t.Fatal(err)
	}
}

func (f *faultyFleet) server(t *testing.T, name string) *fakefleet.Server {
	t.Helper()
	server, err := f.fleet.Server(name)
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// outcome is what a command did.
type outcome struct {
	stdout, stderr string
	code           int
}

func (o outcome) want(t *testing.T, code int) outcome {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", o.code, code, o.stdout, o.stderr)
	}
	return o
}

func (f *faultyFleet) run(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "kubectl-fleet", args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = f.env, &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}
