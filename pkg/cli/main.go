package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// Main runs a plugin and returns its exit code. It is the only place that knows
// of signals, logging and exit codes of the process.
func Main(newCommand func(*Env) *cobra.Command) ExitCode {
	env := processEnv()
	env.collectLate()
	ctx, stop := interruptible(context.Background(), env)
	defer stop()
	root := newCommand(env)
	env.Plugin = root.Name()
	prepare(root, env)
	ran, err := root.ExecuteContextC(ctx)
	return env.conclude(ctx, ran, err)
}

// Leaves says that a second interruption from now on leaves something that a person
// must see to.
func (e *Env) Leaves() { e.left.Store(true) }

// interruptible ends the context on the first SIGINT, SIGTERM or SIGHUP, with
// ErrInterrupted as the cause. The second ends the process at once.
func interruptible(parent context.Context, env *Env) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		cancel(ErrInterrupted)
		<-signals
		if env.left.Load() {
			os.Exit(int(ExitAttention))
		}
		os.Exit(int(ExitInterrupted))
	}()
	return ctx, func() { signal.Stop(signals) }
}

// prepare gives a root command what all plugins have in common.
func prepare(root *cobra.Command, env *Env) {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(env.Args)
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.ErrOut)
	// "kubectl fleet", not "kubectl-fleet", in usage, help and suggestions.
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: env.DisplayName()}
	_, _, err := root.Find([]string{"rbac"})
	env.printsRoles = err == nil
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		env.command = strings.TrimPrefix(cmd.CommandPath(), root.CommandPath()+" ")
	}
	addLogFlags(root.PersistentFlags(), env)
	refuseUnknown(root)
	addCompletion(root, env)
}

// DisplayName is how the user calls the plugin: "kubectl fleet".
func (e *Env) DisplayName() string { return DisplayName(e.Plugin) }

// DisplayName is how users call a plugin, such as kubectl-fleet.
func DisplayName(plugin string) string { return strings.Replace(plugin, "-", " ", 1) }

// runError marks an error of a command's own run. Every other error of cobra is
// one of usage: an unknown command, a bad flag, a wrong number of arguments.
type runError struct{ error }

func (e runError) Unwrap() error { return e.error }

// RunE adapts a command's run function.
func RunE(run func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := run(cmd.Context(), args); err != nil {
			return runError{err}
		}
		return nil
	}
}

// conclude says the error of the command that ran, if it has not been said, and
// chooses the exit code.
func (e *Env) conclude(ctx context.Context, cmd *cobra.Command, err error) ExitCode {
	var ran runError
	var coded *Error
	code := ExitFailed
	hint := ""
	switch {
	case err == nil:
		code = ExitOK
	case errors.As(err, &coded):
		code, hint, err = coded.Code, coded.Hint, coded.Err
		if code == ExitUsage && hint == "" {
			hint = durationHint(err)
		}
	case !errors.As(err, &ran):
		code, hint = ExitUsage, usageHint(cmd, err)
	}
	if errors.Is(context.Cause(ctx), ErrInterrupted) && code != ExitOK {
		if code != ExitAttention { // something was left behind
			code = ExitInterrupted
		}
		if errors.Is(err, ErrInterrupted) || errors.Is(err, context.Canceled) {
			err = nil
		}
		_, _ = fmt.Fprintln(e.ErrOut, "interrupted")
	}
	if err != nil {
		_, _ = fmt.Fprintf(e.ErrOut, "error: %s\n", printers.Escape(err.Error()))
		if hint == "" && member.LacksRights(err) {
			hint = e.hintOfRights("")
		}
	}
	if hint != "" {
		_, _ = fmt.Fprintf(e.ErrOut, "hint: %s\n", printers.Escape(hint))
	}
	return code
}

// Note says something that the user should know and that is no failure.
func (e *Env) Note(format string, args ...any) {
	_, _ = fmt.Fprintf(e.ErrOut, "note: %s\n", printers.Escape(fmt.Sprintf(format, args...)))
}
