package cli

import (
	"math"
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
func (e *Env) collectLate() { e.collectAt(fewBytes, false) }

// MayUse has garbage collected only when so many bytes are in use, as long as after it
// less than half of them are. It is for commands that say much to many clusters and
// keep little of it.
func (e *Env) MayUse(bytes int64) { e.collectAt(bytes, true) }

// collectAt collects garbage when so many bytes are in use: once, or again as long as
// that frees half of them. Then collections come as Go has them.
func (e *Env) collectAt(bytes int64, again bool) {
	if e.Getenv("GOGC") != "" || e.Getenv("GOMEMLIMIT") != "" {
		return
	}
	turn := e.collects.Add(1)
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(bytes)
	var before uint64
	var collected func(int64)
	collected = func(int64) {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		freed := now.TotalAlloc-before > uint64(bytes)/2 // since so much fitted in
		before = now.TotalAlloc
		switch {
		case e.collects.Load() != turn: // another amount counts by now
		case again && freed:
			runtime.AddCleanup(new([64]byte), collected, bytes)
		default:
			debug.SetGCPercent(100)
			debug.SetMemoryLimit(math.MaxInt64)
		}
	}
	runtime.AddCleanup(new([64]byte), collected, bytes) // nobody has it, as the next collection finds
}
