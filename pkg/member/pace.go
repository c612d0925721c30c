package member

import "context"

// pace says which silence of a server is too long. The zero value is what holds
// for everything but streams.
type pace int

const (
	// paceWhole: the first byte, and then the whole rest, are bounded.
	paceWhole pace = iota
	// paceSteady: the first byte, and then each wait for more. However long the
	// stream is, and however slowly it is read, only silence counts.
	paceSteady
	// paceOpen: the first byte, and nothing after it.
	paceOpen
	// paceFollow: the sending of the request, and nothing after it. API servers
	// hold the answer back until there is a first event to tell.
	paceFollow
)

type paceKey struct{}

// withPace marks the requests of a context.
func withPace(ctx context.Context, p pace) context.Context {
	return context.WithValue(ctx, paceKey{}, p)
}

func paceFrom(ctx context.Context) pace {
	p, _ := ctx.Value(paceKey{}).(pace)
	return p
}
