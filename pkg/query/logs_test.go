package query

import (
	"slices"
	"testing"
	"time"
)

// Clusters come in their order, whenever they arrive; when patience is over,
// those that are there come before those that are not. None comes twice.
func TestTurns(t *testing.T) {
	arrive := []int{2, 3, 0, 1}
	newTurns := func(over <-chan time.Time) *turns {
		arrived := make(chan int, len(arrive))
		for _, i := range arrive {
			arrived <- i
		}
		return &turns{arrived: arrived, over: over, done: make([]bool, len(arrive))}
	}
	all := func(t *turns) (got []int) {
		for range arrive {
			got = append(got, t.next())
		}
		return got
	}
	if got := all(newTurns(nil)); !slices.Equal(got, []int{0, 1, 2, 3}) {
		t.Errorf("patient: %v", got)
	}
	late := newTurns(nil)
	late.late = true
	if got := all(late); !slices.Equal(got, arrive) {
		t.Errorf("late: %v", got)
	}
	over := make(chan time.Time, 1)
	over <- time.Time{}
	waiting := newTurns(over)
	waiting.arrived = make(chan int) // nobody else comes
	waiting.here = []int{3, 1}
	if got := []int{waiting.next(), waiting.next()}; !slices.Equal(got, []int{1, 3}) {
		t.Errorf("over while waiting: %v", got)
	}
}
