package clock_test

import (
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/clock"
)

func TestNow(t *testing.T) {
	t.Parallel()
	now := 5 * time.Hour
	c := clock.Of(func() time.Duration { return now })
	now += 1500 * time.Millisecond
	if c.Now() != 1500 {
		t.Errorf("%d ms", c.Now())
	}
}

// The real one goes on, and does not doubt itself.
func TestReal(t *testing.T) {
	t.Parallel()
	c := clock.New()
	before := c.Now()
	time.Sleep(20 * time.Millisecond)
	if after := c.Now(); after < before+20 || c.Suspended() {
		t.Errorf("from %d to %d, in doubt: %t", before, after, c.Suspended())
	}
}
