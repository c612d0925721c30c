package cli

import (
	"os"

	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubectl/pkg/util/interrupt"
	"k8s.io/kubectl/pkg/util/term"
)

// InTerminal tells whether a person types what comes in.
func (e *Env) InTerminal() bool { return term.TTY{In: e.In}.IsTerminalIn() }

// LendTerminal runs fn while every key goes to a program elsewhere, Ctrl-C too.
// sizes tells it how large the terminal is, and of every change. The terminal is
// as before when it returns, and when a signal ends us.
func (e *Env) LendTerminal(fn func(sizes remotecommand.TerminalSizeQueue) error) error {
	// Signals end the command by its context; here they restore the terminal.
	tty := term.TTY{In: e.In, Out: e.Out, Raw: true, Parent: interrupt.New(func(os.Signal) {})}
	sizes := tty.MonitorSize(tty.GetSize())
	return tty.Safe(func() error { return fn(terminalSizes{sizes}) })
}

// terminalSizes hands on the sizes of kubectl's type.
type terminalSizes struct{ from term.TerminalSizeQueue }

func (s terminalSizes) Next() *remotecommand.TerminalSize {
	if s.from == nil {
		return nil
	}
	next := s.from.Next()
	if next == nil {
		return nil
	}
	return &remotecommand.TerminalSize{Width: next.Width, Height: next.Height}
}
