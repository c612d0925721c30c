package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

// Hang halts the API server: from now on it accepts connections and never answers. It is no error when it hangs already.
func (c *Cluster) Hang(ctx context.Context) error { return c.tell(ctx, "hang", process.Unit.Halt) }

// Kill ends the API server at once: from now on its port refuses. It is no error when it is dead already.
func (c *Cluster) Kill(ctx context.Context) error {
	u, err := c.apiServer()
	if err == nil {
		err = u.Kill(ctx)
	}
	return c.wrap("kill", err)
}

// Resume lets a hung API server go on and waits until the cluster is ready.
func (c *Cluster) Resume(ctx context.Context) error {
	if err := c.tell(ctx, "resume", process.Unit.Continue); err != nil {
		return err
	}
	return c.wrap("resume", c.WaitReady(ctx))
}

// Restart starts whatever of the cluster is dead, on the same ports and with the same data, and waits until the cluster is ready.
// What runs is left alone.
func (c *Cluster) Restart(ctx context.Context) error { return c.wrap("start", c.restart(ctx)) }

func (c *Cluster) restart(ctx context.Context) error {
	units, err := c.Units()
	if err != nil {
		return err
	}
	if len(units) == 0 {
		return errors.New("nothing of it was ever started: run testbed down, then testbed up")
	}
	for _, name := range startOrder(units) {
		if units[name].State() != process.Gone {
			continue
		}
		if name == KWOK {
			if err := c.releaseNodes(ctx); err != nil {
				return err
			}
		}
		if err := c.Rerun(ctx, name); err != nil {
			return err
		}
		switch name {
		case Etcd:
			err = c.UntilListening(ctx, Etcd, address(c.Ports.Etcd))
		case APIServer:
			err = c.waitServing(ctx)
		}
		if err != nil {
			return err
		}
	}
	return c.WaitReady(ctx)
}

// releaseNodes removes the leases by which a former KWOK held its nodes; the new one would leave the nodes alone until they expire.
func (c *Cluster) releaseNodes(ctx context.Context) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return client.CoordinationV1().Leases("kube-node-lease").DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
}

func (c *Cluster) tell(ctx context.Context, verb string, what func(process.Unit, context.Context) error) error {
	u, err := c.apiServer()
	if err == nil {
		err = what(u, ctx)
	}
	if errors.Is(err, process.ErrGone) {
		err = fmt.Errorf("its API server is dead: testbed start %s brings it back", c.Name)
	}
	return c.wrap(verb, err)
}

func (c *Cluster) apiServer() (process.Unit, error) {
	u, err := c.Unit(APIServer)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("its API server was never started: run testbed up")
	}
	return u, err
}

func (c *Cluster) wrap(verb string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s cluster %s: %w", verb, c.Name, err)
}
