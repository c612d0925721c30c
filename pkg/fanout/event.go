package fanout

import "time"

// EventKind says what happened.
type EventKind int

// The kinds of events. A skipped cluster has Finished only.
const (
	Started EventKind = iota + 1
	Finished
)

// Event is one step of a fan-out.
type Event struct {
	Kind    EventKind
	Cluster string
	// Err and Elapsed are set on Finished, as in Result.
	Err     error
	Elapsed time.Duration
}

// Observer hears of events, from several goroutines at once. It must not block.
type Observer interface {
	Observe(e Event)
}

type silent struct{}

func (silent) Observe(Event) {}
