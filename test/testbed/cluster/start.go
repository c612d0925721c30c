package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/port"
)

// Start makes the cluster from nothing in an empty folder and returns when it is ready: the API serves, all nodes are Ready, and
// pods can be created in the default namespace. programs are the paths of the components by name. The ports are chosen here and held
// until their users start; chosen is called with the result before the first of them does.
func (c *Cluster) Start(ctx context.Context, programs map[string]string, chosen func(Spec) error) error {
	held, ports, err := port.Reserve(ctx, portCount)
	if err != nil {
		return fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	defer held.Close()
	c.Ports = Ports{APIServer: ports[0], Etcd: ports[1], EtcdPeer: ports[2], KWOK: ports[3]}
	if err := chosen(c.Spec); err != nil {
		return err
	}
	if err := c.start(ctx, programs, held); err != nil {
		return fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	return nil
}

func (c *Cluster) start(ctx context.Context, programs map[string]string, held *port.Reservation) error {
	if err := c.writeFiles(); err != nil {
		return err
	}
	run := func(component string, args []string) error {
		_, err := c.Run(component, programs[component], args, nil)
		return err
	}

	held.Release(c.Ports.Etcd, c.Ports.EtcdPeer)
	if err := run(Etcd, c.etcdArgs()); err != nil {
		return err
	}
	// An API server that finds no etcd tries again only after a second.
	if err := c.UntilListening(ctx, Etcd, address(c.Ports.Etcd)); err != nil {
		return err
	}
	held.Release(c.Ports.APIServer)
	if err := run(APIServer, c.apiServerArgs()); err != nil {
		return err
	}
	if err := c.waitServing(ctx); err != nil {
		return err
	}
	if c.Hub {
		if err := run(ControllerManager, c.controllerManagerArgs()); err != nil {
			return err
		}
		return c.WaitReady(ctx)
	}
	held.Release(c.Ports.KWOK)
	if err := run(KWOK, c.kwokArgs()); err != nil {
		return err
	}
	if err := run(ControllerManager, c.controllerManagerArgs()); err != nil {
		return err
	}
	if err := run(Scheduler, c.schedulerArgs()); err != nil {
		return err
	}
	if err := c.createNodes(ctx); err != nil {
		return err
	}
	return c.WaitReady(ctx)
}

func (c *Cluster) writeFiles() error {
	if err := c.Prepare(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.path("pki"), 0o700); err != nil {
		return err
	}
	if err := c.writeCredentials(); err != nil {
		return err
	}
	if err := os.WriteFile(c.path("scheduler.yaml"), []byte(c.schedulerConfig()), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(c.path("audit.yaml"), []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	return c.writeKWOK()
}

// Stop ends all processes of the cluster, clients before servers. It is no error when some or all are gone.
func (c *Cluster) Stop(ctx context.Context) error {
	// Long enough for an orderly end on a loaded machine; the data are thrown away anyhow.
	const grace = 5 * time.Second
	units, err := c.Units()
	if err != nil {
		return fmt.Errorf("cluster %s: %w", c.Name, err)
	}
	var errs []error
	for _, name := range sortedForStop(units) {
		if err := units[name].Stop(ctx, grace); err != nil {
			errs = append(errs, fmt.Errorf("cluster %s: stop %s: %w", c.Name, name, err))
		}
	}
	return errors.Join(errs...)
}
