package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is CLOCK_BOOTTIME (clock_gettime(2)), which every kernel has since 2.6.39.
func sinceBoot() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic(err) // it fails for a clock that is not known alone
	}
	return time.Duration(now.Nano())
}

func doubt() func() bool { return nil }
