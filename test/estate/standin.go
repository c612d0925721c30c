package estate

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// StandIn does something all the time, as a controller does, until what was made after
// it has gone with the test.
func StandIn(t testing.TB, do func(ctx context.Context) error) {
	t.Helper()
	lasting := context.WithoutCancel(t.Context())
	ctx, stop := context.WithCancel(lasting)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := do(ctx); err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				t.Errorf("stand-in: %v", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-done
		_ = do(lasting) // for what has just been deleted
	})
}
