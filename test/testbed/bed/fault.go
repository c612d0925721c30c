package bed

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/filelock"
)

// Hang makes a cluster accept and never answer.
func (b *Bed) Hang(ctx context.Context, name string) error {
	return b.on(ctx, name, (*cluster.Cluster).Hang)
}

// Kill makes a cluster refuse connections.
func (b *Bed) Kill(ctx context.Context, name string) error {
	return b.on(ctx, name, (*cluster.Cluster).Kill)
}

// Resume undoes Hang and returns when the cluster is ready.
func (b *Bed) Resume(ctx context.Context, name string) error {
	return b.on(ctx, name, (*cluster.Cluster).Resume)
}

// Start undoes Kill, on the same port and with the same data, and returns when the cluster is ready.
func (b *Bed) Start(ctx context.Context, name string) error {
	// It starts processes: a down at the same time would miss them.
	lock, err := filelock.Acquire(ctx, lockFile(b.Dir), func() {})
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return b.on(ctx, name, (*cluster.Cluster).Restart)
}

func (b *Bed) on(ctx context.Context, name string, do func(*cluster.Cluster, context.Context) error) error {
	c, err := b.Cluster(name)
	if err != nil {
		return err
	}
	return do(c, ctx)
}
