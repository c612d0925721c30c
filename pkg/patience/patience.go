// Package patience does again what an API server had no answer to.
package patience

import (
	"cmp"
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

const (
	// atMost is how long a cluster may fail to answer. It is longer than a lock lives
	// without its holder: who hears nothing at all for so long has lost that before.
	atMost = time.Minute
	// The pauses grow from the first to the last, unless the server asks for others.
	first = 200 * time.Millisecond
	last  = 5 * time.Second
)

// Try does something until it succeeds, or fails with what does not pass by itself,
// or has failed for too long. What it does may be done twice: an answer that was
// lost may have been a yes.
func Try(ctx context.Context, do func() error) error {
	began := time.Now()
	for pause := first; ; pause = min(2*pause, last) {
		err := do()
		switch {
		case err != nil && ctx.Err() != nil: // a request that was ended does not say why
			return context.Cause(ctx)
		case err == nil || !member.IsAway(err):
			return err
		case time.Since(began) > atMost:
			return err
		}
		asked, _ := apierrors.SuggestsClientDelay(err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(cmp.Or(time.Duration(asked)*time.Second, pause)):
		}
	}
}
