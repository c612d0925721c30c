package bed

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/filelock"
)

// Hang makes a cluster, or a service, accept and never answer.
func (b *Bed) Hang(ctx context.Context, name string) error {
	return b.on(name, func(p part) error { return p.Hang(ctx) })
}

// Kill makes it refuse connections.
func (b *Bed) Kill(ctx context.Context, name string) error {
	return b.on(name, func(p part) error { return p.Kill(ctx) })
}

// Resume undoes Hang and returns when it is ready.
func (b *Bed) Resume(ctx context.Context, name string) error {
	return b.on(name, func(p part) error { return p.Resume(ctx) })
}

// Start undoes Kill, on the same port and with the same data, and returns when it is ready.
func (b *Bed) Start(ctx context.Context, name string) error {
	// It starts processes: a down at the same time would miss them.
	lock, err := filelock.Acquire(ctx, lockFile(b.Dir), func() {})
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return b.on(name, func(p part) error { return p.Restart(ctx) })
}

// part is what can be broken and mended: a cluster, a hub, a service.
type part interface {
	Hang(ctx context.Context) error
	Kill(ctx context.Context) error
	Resume(ctx context.Context) error
	Restart(ctx context.Context) error
}

func (b *Bed) on(name string, do func(part) error) error {
	for _, s := range b.Services() {
		if s.Name == name {
			return do(s)
		}
	}
	c, err := b.Cluster(name)
	if err != nil {
		return err
	}
	return do(c)
}
