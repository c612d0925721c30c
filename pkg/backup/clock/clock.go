// Package clock is the clock that a backup's instants are read from: it goes on
// while the machine sleeps, and nobody can set it.
package clock

import "time"

// Clock counts milliseconds since it was made. Two of them are never compared.
type Clock struct {
	read  func() time.Duration
	began time.Duration
	// doubt is nil where the system has such a clock.
	doubt func() bool
}

// New is a clock that begins now.
func New() *Clock {
	c := &Clock{read: sinceBoot, doubt: doubt()}
	c.began = c.read()
	return c
}

// Of is a clock that reads from another, for tests of what happens when it pauses.
func Of(read func() time.Duration) *Clock { return &Clock{read: read, began: read()} }

// Now is how many milliseconds the clock has counted.
func (c *Clock) Now() int64 { return (c.read() - c.began).Milliseconds() }

// Suspended is true if the machine may have slept without the clock having counted
// that, so that nothing is known about what was before and after.
func (c *Clock) Suspended() bool { return c.doubt != nil && c.doubt() }
