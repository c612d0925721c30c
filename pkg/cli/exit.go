package cli

import (
	"context"
	"errors"
	"fmt"
)

// ExitCode is the status a plugin ends with. The table is one for the family;
// scripts and runbooks depend on it.
type ExitCode int

// The exit codes.
const (
	// ExitOK: every selected cluster succeeded.
	ExitOK ExitCode = 0
	// ExitFailed: every cluster failed, or the command itself did, or a named
	// object is nowhere.
	ExitFailed ExitCode = 1
	// ExitUsage: a bad flag, an unknown cluster, an invalid file. No cluster
	// was written to.
	ExitUsage ExitCode = 2
	// ExitPartial: some clusters succeeded, some failed.
	ExitPartial ExitCode = 3
	// ExitTimeout: timed out waiting; what was started goes on.
	ExitTimeout ExitCode = 4
	// ExitRefused: a safety check said no; nothing was changed.
	ExitRefused ExitCode = 5
	// ExitAttention: something was left that a person must finish.
	ExitAttention ExitCode = 6
	// ExitDegraded: done, but below the guarantee that was asked for.
	ExitDegraded ExitCode = 7
	// ExitNotCompared: a diff could not compare on any cluster. 1 would say that
	// it found differences.
	ExitNotCompared ExitCode = 8
	// ExitInterrupted: the user stopped it; nothing is left behind.
	ExitInterrupted ExitCode = 130
)

// Error is an error that knows its exit code.
type Error struct {
	Code ExitCode
	// Err is what went wrong; nil where it has been said already.
	Err error
	// Hint is what the user can do, often a command. May be empty.
	Hint string
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// UsageError is the user's own mistake: nothing was asked of any cluster.
func UsageError(err error) error { return &Error{Code: ExitUsage, Err: err} }

// asUsage is UsageError, unless the error knows better.
func asUsage(err error) error {
	if known, is := errors.AsType[*Error](err); is {
		return known
	}
	return UsageError(err)
}

// ErrInterrupted is the cause of the context's end on Ctrl-C. It is a
// context.Canceled, so that nothing below takes it for a failure.
var ErrInterrupted error = interruption{}

type interruption struct{}

func (interruption) Error() string { return "interrupted" }

func (interruption) Is(target error) bool { return target == context.Canceled }
