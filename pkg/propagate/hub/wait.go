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
			if err == nil {
				err = fmt.Errorf("left: %s", strings.Join(left[:min(3, len(left))], ", "))
			}
			return &member.Error{Reason: member.ReasonTimeout, Err: fmt.Errorf("within %s Karmada does not say that %s: %w", within, that, err)}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * fresh):
		}
	}
}
