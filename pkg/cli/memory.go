package cli

import (
	"runtime"
	"runtime/debug"
)

// fewBytes is what Go's part of the process may use before garbage is collected
// at all. A short answer of a few clusters fits.
const fewBytes = 24 << 20

// collectLate puts the first garbage collection off until fewBytes are in use;
// from then on they come as Go has them. Go begins at 4 MB, of which the
// libraries' tables are most, so that a short command would spend a sixth of
// its time with looking at them again and again. Who sets GOGC or GOMEMLIMIT
// gets that.
func (e *Env) collectLate() {
	if e.Getenv("GOGC") != "" || e.Getenv("GOMEMLIMIT") != "" {
		return
	}
	percent := debug.SetGCPercent(-1)
	limit := debug.SetMemoryLimit(fewBytes)
	// The first collection finds that nobody has this.
	runtime.AddCleanup(new([64]byte), func(percent int) {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}, percent)
}
