// Package addon is the door for what a testbed can run beside its clusters: metrics-server, Karmada, Cluster API, Velero; a real node later.
package addon

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/service"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// Addon is something that a bed starts once all its clusters are ready. What it runs it starts with Cluster.Run: then it is recorded,
// shown by status, brought back by start and ended by down like the cluster's own components, and the add-on needs no code for that.
type Addon interface {
	// Name is what --with takes.
	Name() string
	// Programs are what it needs built, from a stack of its own below the project's root.
	Programs(root string) ([]stack.Program, error)
	// Start sets it up and returns when it works.
	Start(ctx context.Context, host Host) error
}

// Each does something in all clusters at once.
func Each(clusters []*cluster.Cluster, do func(*cluster.Cluster) error) error {
	errs := make([]error, len(clusters))
	var wg sync.WaitGroup
	for i, c := range clusters {
		wg.Go(func() {
			if err := do(c); err != nil {
				errs[i] = fmt.Errorf("cluster %s: %w", c.Name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Host is what a bed offers to an add-on.
type Host struct {
	// Clusters of the bed, all of them ready.
	Clusters []*cluster.Cluster
	// Programs are the paths of the built programs by name.
	Programs map[string]string
	// StartHub starts a control plane of the add-on's own (cluster.Spec.Hub) and returns when it serves. It belongs to the bed like a
	// cluster, but for the kubeconfig: nobody takes it for a member of the fleet.
	StartHub func(ctx context.Context, name string) (*cluster.Cluster, error)
	// NewService takes up what serves several clusters; the add-on then starts it.
	NewService func(spec service.Spec) (*service.Service, error)
}
