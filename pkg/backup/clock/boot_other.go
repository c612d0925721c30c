//go:build !linux

package clock

import "time"

// tolerance is by how much wall and monotonic time may part before that is taken for
// a sleep.
const tolerance = time.Second

// sinceBoot is wall time: it goes on while the machine sleeps, and doubt says when
// somebody has set it.
func sinceBoot() time.Duration { return time.Duration(time.Now().UnixNano()) }

// doubt compares wall and monotonic time. The second stands still while some of these
// systems sleep; the first can be set. If they part, one of the two has happened.
func doubt() func() bool {
	began := time.Now()
	return func() bool {
		now := time.Now()
		monotonic, wall := now.Sub(began), now.Round(0).Sub(began.Round(0))
		return (wall - monotonic).Abs() > tolerance
	}
}
