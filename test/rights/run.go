package rights

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// asked is a request in a cluster.
type asked struct {
	event

	cluster string
}

// do runs a case as a user, and returns what it asked for. Nothing of it may have been
// forbidden.
func (b *Bench) do(t *testing.T, user string, c Case, command string) []asked {
	t.Helper()
	if c.Before != nil {
		c.Before(t)
	}
	tails := b.tails(t)
	args := as(user, c.Args)
	mine := func(e event) bool { return e.ImpersonatedUser.Username == user }
	if c.Offline {
		args, mine = c.Args, func(e event) bool { return strings.HasPrefix(e.command(), command) }
	}
	code, out := b.run(t, c.Stop, args...)
	if code != c.Code {
		t.Errorf("%q: exit code %d, want %d\n%s", c.Args, code, c.Code, out)
	}
	all := b.of(t, tails, mine)
	for _, e := range all {
		if e.ResponseStatus.Code == 403 {
			t.Errorf("%q: forbidden in %s: %s", c.Args, e.cluster, e.ResponseStatus.Message)
		}
		if verb, _, _ := strings.Cut(e.command(), " "); verb != command || !strings.HasPrefix(e.UserAgent, b.Plugin+"/") {
			t.Errorf("%q: the audit log of %s has the user agent %q", c.Args, e.cluster, e.UserAgent)
		}
	}
	return all
}

// tails are the audit logs of all clusters from now on.
func (b *Bench) tails(t *testing.T) map[string]tail {
	t.Helper()
	tails := map[string]tail{}
	for _, cluster := range b.Clusters {
		_, log := b.Fleet.Audited(t, cluster)
		tails[cluster] = tailOf(t, log)
	}
	return tails
}

// of are the requests of somebody since then.
func (*Bench) of(t *testing.T, since map[string]tail, mine func(event) bool) []asked {
	t.Helper()
	var all []asked
	for cluster, tail := range since {
		for _, e := range tail.of(t, mine) {
			all = append(all, asked{e, cluster})
		}
	}
	return all
}

// as are the arguments of a command that is run for a user.
func as(user string, args []string) []string {
	return slices.Concat(args[:1], []string{"--as", user}, args[1:])
}

// run runs the plugin; when says by which word on stdout it is to be interrupted.
func (b *Bench) run(t *testing.T, when string, args ...string) (code int, output string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = slices.Concat(os.Environ(), []string{
		"HOME=" + home, "KUBECONFIG=" + b.kubeconfig, "KUBECACHEDIR=" + filepath.Join(home, "cache"), "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=",
	}, b.Env)
	out := &said{}
	if when != "" {
		out.when, out.then = when, func() { _ = cmd.Process.Signal(os.Interrupt) }
	}
	cmd.Stdout, cmd.Stderr = out, out
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// said is what a command has said. The two streams are one writer, which os/exec does
// not call from two goroutines at once.
type said struct {
	text bytes.Buffer

	when string
	then func()
}

func (s *said) String() string { return s.text.String() }

func (s *said) Write(p []byte) (int, error) {
	n, err := s.text.Write(p)
	if s.then != nil && strings.Contains(s.String(), s.when) {
		s.then()
		s.then = nil
	}
	return n, err
}
