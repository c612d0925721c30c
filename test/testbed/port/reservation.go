// Package port chooses free TCP ports on loopback.
package port

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken from below the range the kernel hands to outgoing connections (32768 and up by default) and from below the
// range of Kubernetes node ports: a port given up for a moment is then not lost to any passing client.
const (
	lowest  = 20000
	highest = 29999
)

// Reservation holds listeners on ports, so that nobody else, another reservation least of all, chooses the same ones.
type Reservation struct{ listeners map[int]net.Listener }

// Reserve finds and holds n free ports.
func Reserve(ctx context.Context, n int) (*Reservation, []int, error) {
	r := &Reservation{listeners: map[int]net.Listener{}}
	ports := make([]int, 0, n)
	for tries := 0; len(ports) < n; tries++ {
		if tries > highest-lowest {
			r.Close()
			return nil, nil, fmt.Errorf("find %d free ports on 127.0.0.1 between %d and %d: only %d found; end what holds the others", n, lowest, highest, len(ports))
		}
		p := lowest + rand.IntN(highest-lowest+1)
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", Address(p))
		if err != nil {
			if ctx.Err() != nil {
				r.Close()
				return nil, nil, ctx.Err()
			}
			continue
		}
		r.listeners[p] = l
		ports = append(ports, p)
	}
	return r, ports, nil
}

// Release gives ports up, to be called just before the program that will listen on them starts.
func (r *Reservation) Release(ports ...int) {
	for _, p := range ports {
		if l, ok := r.listeners[p]; ok {
			_ = l.Close()
			delete(r.listeners, p)
		}
	}
}

// Close gives up what is still held.
func (r *Reservation) Close() {
	for p := range r.listeners {
		r.Release(p)
	}
}

// Address is the loopback address of a port.
func Address(p int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p)) }
