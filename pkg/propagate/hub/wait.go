package hub

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// holdWait bounds how long Karmada may take to pass on to its Works what it was
// told.
const holdWait = time.Minute

// patiently looks what is left until nothing is, or the time is over. A hub that
// does not answer may do so again.
func patiently(ctx context.Context, within time.Duration, that string, look func(context.Context) (left []string, err error)) error {
	began := time.Now()
	for {
		left, err := look(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil && len(left) == 0 {
			return nil
		}
		if time.Since(began) > within {
			return &LateError{Within: within, That: that, Left: left, Err: err}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * fresh):
		}
	}
}

// LateError is what Karmada has not done in time.
type LateError struct {
	// Within is the time that ran out.
	Within time.Duration
	// That is what was waited for, and Left where it is not so.
	That string
	Left []string
	// Err is why nobody knows; nil if Karmada answers.
	Err error
}

func (e *LateError) Error() string {
	why := "left: " + strings.Join(e.Left[:min(3, len(e.Left))], ", ")
	if e.Err != nil {
		why = e.Err.Error()
	}
	return fmt.Sprintf("within %s Karmada does not say that %s: %s", e.Within, e.That, why)
}

func (e *LateError) Unwrap() error { return e.Err }

// Reason classifies the failure.
func (*LateError) Reason() member.Reason { return member.ReasonTimeout }

// TimedOut is true where nothing is known to have failed: it goes on.
func (e *LateError) TimedOut() bool { return e.Err == nil }
