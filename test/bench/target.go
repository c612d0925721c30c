package main

import (
	"fmt"
	"time"
)

// wallWithin: at most so many times as long as another program.
func wallWithin(factor float64, other int) target {
	return target{
		text: fmt.Sprintf("at most %.1f × #%d", factor, other+1),
		keeps: func(m []results) (string, bool) {
			ratio := seconds(m[0].wall()) / seconds(m[other].wall())
			return fmt.Sprintf("%.2f ×", ratio), ratio <= factor
		},
	}
}

// wallBelow: less than so many seconds.
func wallBelow(limit float64) target {
	return target{
		text: fmt.Sprintf("less than %.0f s", limit),
		keeps: func(m []results) (string, bool) {
			return fmt.Sprintf("%.2f s", seconds(m[0].wall())), seconds(m[0].wall()) < limit
		},
	}
}

// fasterThan: at least so many times as fast as another program.
func fasterThan(factor float64, other int) target {
	return target{
		text: fmt.Sprintf("at least %.1f × faster than #%d", factor, other+1),
		keeps: func(m []results) (string, bool) {
			ratio := seconds(m[other].wall()) / seconds(m[0].wall())
			return fmt.Sprintf("%.1f ×", ratio), ratio >= factor
		},
	}
}

// lateBy: at most as late after another program as a column of the first one's counts has
// milliseconds.
func lateBy(name string, column, other int) target {
	return target{
		text: fmt.Sprintf("at most what it was %s longer than #%d", name, other+1),
		keeps: func(m []results) (string, bool) {
			late, may := seconds(m[0].wall()-m[other].wall()), m[0].counted(column)/1000
			return fmt.Sprintf("%+.2f s, %s for %.2f s", late, name, may), late <= may
		},
	}
}

// memoryWithin: at most such a part of the memory of another program.
func memoryWithin(factor float64, other int) target {
	return target{
		text: fmt.Sprintf("at most %.2f of the memory of #%d", factor, other+1),
		keeps: func(m []results) (string, bool) {
			ratio := float64(m[0].peak()) / float64(m[other].peak())
			return fmt.Sprintf("%.2f", ratio), ratio <= factor
		},
	}
}

// memoryBelow: less than so many megabytes.
func memoryBelow(limit int64) target {
	return target{
		text: fmt.Sprintf("less than %d MB", limit),
		keeps: func(m []results) (string, bool) {
			return fmt.Sprintf("%d MB", m[0].peak()/megabyte), m[0].peak() < limit*megabyte
		},
	}
}

// deadline: over so soon after the deadline.
func deadline(at, grace time.Duration) target {
	return target{
		text: fmt.Sprintf("over within %s after the deadline", grace),
		keeps: func(m []results) (string, bool) {
			late := m[0].wall() - at
			return fmt.Sprintf("%+.2f s", seconds(late)), late <= grace
		},
	}
}

// firstRow: program 1 shows its first row within a factor of program 2, plus
// the second for which the last cluster is waited for.
func firstRow(factor float64, grace time.Duration) target {
	return target{
		text: fmt.Sprintf("first row within %.1f × #3, and %s", factor, grace),
		keeps: func(m []results) (string, bool) {
			took := m[1].wall()
			return fmt.Sprintf("%.2f s", seconds(took)), seconds(took) <= factor*seconds(m[2].wall())+seconds(grace)
		},
	}
}

// countWithin: a column is at most so many times what another program has there.
func countWithin(factor float64, name string, column, other int) target {
	return target{text: fmt.Sprintf("%s at most %.1f × #%d", name, factor, other+1), keeps: func(m []results) (string, bool) {
		ratio := m[0].counted(column) / m[other].counted(column)
		return fmt.Sprintf("%.2f ×", ratio), ratio <= factor
	}}
}

// noneOf: the first program has 0 in a column of what is counted.
func noneOf(name string, column int) target {
	return target{text: "no " + name, keeps: func(m []results) (string, bool) {
		n := m[0].counted(column)
		return fmt.Sprintf("%.0f", n), n == 0
	}}
}

// fewestOf: none of the others has less in a column of what is counted.
func fewestOf(name string, column int, others ...int) target {
	return target{text: "the fewest " + name, keeps: func(m []results) (string, bool) {
		least := m[others[0]].counted(column)
		for _, i := range others {
			least = min(least, m[i].counted(column))
		}
		return fmt.Sprintf("%.0f, the least of the others is %.0f", m[0].counted(column), least), m[0].counted(column) <= least
	}}
}

func seconds(d time.Duration) float64 { return d.Seconds() }
