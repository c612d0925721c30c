package fanout

import (
	"fmt"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// PanicError is a panic of the function, turned into its cluster's failure.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("internal error: panic: %v", e.Value) }

// Reason classifies the failure.
func (*PanicError) Reason() member.Reason { return member.ReasonInternal }

// DeadlineError is a cluster cut off by Options.Timeout.
type DeadlineError struct{ Timeout time.Duration }

func (e *DeadlineError) Error() string { return fmt.Sprintf("not finished within %s", e.Timeout) }

// Reason classifies the failure.
func (*DeadlineError) Reason() member.Reason { return member.ReasonTimeout }

// SkippedError is a cluster on which the function was never called.
type SkippedError struct {
	// Cause is why the fan-out ended first: a *StoppedError, or the cause of
	// the caller's context.
	Cause error
}

func (e *SkippedError) Error() string { return fmt.Sprintf("not started: %v", e.Cause) }

func (e *SkippedError) Unwrap() error { return e.Cause }

// Reason classifies the failure.
func (*SkippedError) Reason() member.Reason { return member.ReasonCanceled }

// StoppedError is why FailFast ended a fan-out.
type StoppedError struct {
	// First is the cluster that failed first.
	First string
	Err   error
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("stopped because %s failed: %v", e.First, e.Err)
}

func (e *StoppedError) Unwrap() error { return e.Err }

// Reason classifies the failure of those that were stopped, whatever the
// first one died of.
func (*StoppedError) Reason() member.Reason { return member.ReasonCanceled }
