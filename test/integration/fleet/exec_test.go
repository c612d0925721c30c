package fleet_test

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
)

// A command runs in the one pod of the name, with exact input, output and exit
// code, through a real API server: as kubectl's own exec.
func TestExec(t *testing.T) {
	p := newPlugin(t)
	names := p.fleet.Clusters()
	here, other := names[1], names[0]
	p.namespace(t, "exec", 0)
	k := startKubelet(t, p, here)
	k.pod(t, p, here, "exec", "only")
	k.pod(t, p, here, "exec", "twice")
	startKubelet(t, p, other).pod(t, p, other, "exec", "twice")

	ours := p.run(t, "exec", "only", "-n", "exec", "-q", "--", "sh", "-c", "echo out; echo err >&2; exit 7").want(t, 7)
	if ours.stdout != "out\n" || ours.stderr != "err\n" {
		t.Errorf("stdout %q, stderr %q", ours.stdout, ours.stderr)
	}
	theirs := p.kubectl(t, "--context", here, "exec", "only", "-n", "exec", "--", "sh", "-c", "echo out; echo err >&2; exit 7").want(t, 7)
	if ours.stdout != theirs.stdout {
		t.Errorf("kubectl: %q", theirs.stdout)
	}
	if found := p.run(t, "exec", "only", "-A", "--", "echo", "found").want(t, 0); found.stdout != "found\n" || !strings.Contains(found.stderr, here) {
		t.Errorf("stdout %q, stderr %q", found.stdout, found.stderr)
	}
	refused := p.run(t, "exec", "twice", "-n", "exec", "--", "echo", "ran").want(t, 5)
	if refused.stdout != "" || !strings.Contains(refused.stderr, here) || !strings.Contains(refused.stderr, other) {
		t.Errorf("stdout %q, stderr %q", refused.stdout, refused.stderr)
	}
	if chosen := p.run(t, "exec", "twice", "-n", "exec", "-C", other, "--", "echo", "ran").want(t, 0); chosen.stdout != "ran\n" {
		t.Errorf("stdout %q", chosen.stdout)
	}
}

// Input is passed on to its end, all of it, and comes back the same.
func TestExecInput(t *testing.T) {
	p := newPlugin(t)
	here := p.fleet.Clusters()[0]
	p.namespace(t, "exec-input", 0)
	startKubelet(t, p, here).pod(t, p, here, "exec-input", "only")
	sent := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, "exec", "-i", "only", "-n", "exec-input", "-q", "--", "cat")
	cmd.Env, cmd.Stdin = p.env, bytes.NewReader(sent)
	var said bytes.Buffer
	cmd.Stderr = &said
	got, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back of %d", len(got), len(sent))
	}
}
