package remove

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Program is one of the user's that removes and adds machines.
type Program struct {
	// Path of the program; it is run as it is, by no shell.
	Path string
	// Context is the cluster, as the user's kubeconfig calls it.
	Context string
	// Env is its environment. What begins with KUBECTL_FLEET is not passed on.
	Env []string
	// Timeout bounds one run, and all tries of one removal.
	Timeout time.Duration
}

const (
	// exitAgain is EX_TEMPFAIL of sysexits(3).
	exitAgain = 75
	// heard is how much of what a program says is listened to.
	heard = 64 << 10
	// quoted is how much of it is repeated.
	quoted = 500
	// ending is how long it may take to end after a SIGTERM.
	ending = 10 * time.Second
	// ours is how variables begin that are about us.
	ours = "KUBECTL_FLEET"
)

// errAgain is a program that wants to be run again: it is not done.
var errAgain = errors.New("it is not done")

// until runs the program until it is done, as often as it wants.
func (p Program) until(ctx context.Context, verb string, question asked) error {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	for pause := firstTry; ; pause = min(pause*3/2, lastTry) {
		err := p.run(ctx, verb, question)
		if !errors.Is(err, errAgain) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %s: %w", p.Path, verb, err)
		case <-time.After(pause):
		}
	}
}

// run runs the program once. Exit code 75 is errAgain.
func (p Program) run(ctx context.Context, verb string, question asked) error {
	stdin, err := json.Marshal(question)
	if err != nil {
		return err
	}
	bound, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	var said bounded
	program := exec.CommandContext(bound, p.Path, verb)
	program.Stdin, program.Stdout, program.Stderr = bytes.NewReader(stdin), &said, &said
	program.Env = []string{}
	for _, variable := range p.Env {
		if !strings.HasPrefix(variable, ours) {
			program.Env = append(program.Env, variable)
		}
	}
	program.Cancel = func() error { return program.Process.Signal(syscall.SIGTERM) }
	program.WaitDelay = ending
	err = program.Run()
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case bound.Err() != nil:
		return &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf("%s %s: not done within %s%s", p.Path, verb, p.Timeout, said.quote())}
	case exited && exit.ExitCode() == exitAgain:
		return fmt.Errorf("%w%s", errAgain, said.quote())
	}
	return &member.Error{Reason: member.ReasonUnhealthy, Err: fmt.Errorf("%s %s: %w%s", p.Path, verb, err, said.quote())}
}

// bounded keeps the end of what is written to it.
type bounded struct{ text []byte }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	b.text = append(b.text, p...)
	if over := len(b.text) - heard; over > 0 {
		b.text = append(b.text[:0], b.text[over:]...)
	}
	return len(p), nil
}

// quote is the end of what was said, on one line, to be put behind an error.
func (b *bounded) quote() string {
	said := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(b.text), "?"))
	said = strings.Join(strings.Fields(said), " ")
	if said == "" {
		return ""
	}
	if runes := []rune(said); len(runes) > quoted {
		said = "…" + string(runes[len(runes)-quoted:])
	}
	return ": " + said
}
