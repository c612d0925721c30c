// Package karmada adds a Karmada control plane to a bed: a hub with Karmada's own API server, controllers, scheduler and webhook
// beside it, all of them as processes. No cluster is joined to it; that is what tests do.
package karmada

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/port"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// Hub is the name of the control plane, and of its context in its own kubeconfig.
const Hub = "karmada"

const (
	module    = "github.com/karmada-io/karmada"
	namespace = "karmada-system"

	aggregatedAPIServer = "karmada-aggregated-apiserver"
	controllerManager   = "karmada-controller-manager"
	scheduler           = "karmada-scheduler"
	webhook             = "karmada-webhook"
	karmadactl          = "karmadactl"
	// What Karmada's deployment applies to its API server: CRDs, and the configuration of webhooks.
	crds      = "karmada-crds"
	manifests = "karmada-manifests"
)

// Addon is Karmada.
type Addon struct{}

// Name is "karmada".
func (Addon) Name() string { return "karmada" }

// Programs are those of a control plane, karmadactl, and the manifests of the same version; and Division.
func (Addon) Programs(root string) ([]stack.Program, error) {
	s, err := stack.Load(root, "karmada")
	if err != nil {
		return nil, err
	}
	v, err := s.Version(module)
	if err != nil {
		return nil, err
	}
	division, err := Division(root)
	if err != nil {
		return nil, err
	}
	program := func(name, command string) stack.Program {
		return stack.Program{Name: name, Package: module + "/cmd/" + command, Stack: s, Version: v}
	}
	folder := func(name string, path ...string) stack.Program {
		return stack.Program{Name: name, Package: module, Stack: s, Version: v, Folder: filepath.Join(path...)}
	}
	return []stack.Program{
		program(aggregatedAPIServer, "aggregated-apiserver"), program(controllerManager, "controller-manager"),
		program(scheduler, "scheduler"), program(webhook, "webhook"), program(karmadactl, "karmadactl"),
		folder(crds, "charts", "karmada", "_crds", "bases"), folder(manifests, "artifacts", "deploy"), division,
	}, nil
}

// Division divides replicas with the code of Karmada's scheduler, for tests to compare with. It is built with the others, so that no
// test waits for that.
func Division(root string) (stack.Program, error) {
	const name = "karmada-division"
	s, err := stack.Load(root, name)
	if err != nil {
		return stack.Program{}, err
	}
	v, err := s.Version(module)
	return stack.Program{Name: name, Package: ".", Stack: s, Version: v}, err
}

// plane is a control plane in the making.
type plane struct {
	*cluster.Cluster
	programs   map[string]string
	kubeconfig string // of its components
}

// Start starts the hub and all of Karmada, and returns when clusters can be joined.
func (Addon) Start(ctx context.Context, host addon.Host) error {
	hub, err := host.StartHub(ctx, Hub)
	if err != nil {
		return err
	}
	p := &plane{Cluster: hub, programs: host.Programs}
	if p.kubeconfig, err = hub.IssueClient("karmada", "system:masters"); err != nil {
		return err
	}
	held, ports, err := port.Reserve(ctx, 2)
	if err != nil {
		return err
	}
	defer held.Close()
	if err := p.apply(ctx, ports[1]); err != nil {
		return fmt.Errorf("objects of Karmada: %w", err)
	}
	held.Release(ports[0])
	if err := p.serveAPI(ctx, ports[0]); err != nil {
		return fmt.Errorf("%s: %w", aggregatedAPIServer, err)
	}
	held.Release(ports[1])
	if err := p.runWebhook(ports[1]); err != nil {
		return fmt.Errorf("%s: %w", webhook, err)
	}
	if err := p.runControllers(); err != nil {
		return err
	}
	return p.until(ctx, "Karmada", append(p.Components(), aggregatedAPIServer, controllerManager, scheduler, webhook), p.serves)
}

// serveAPI runs the API server of clusters.cluster.karmada.io, which keeps its objects in the hub's etcd.
func (p *plane) serveAPI(ctx context.Context, at int) error {
	cert, key, ca, err := p.IssueServer(aggregatedAPIServer, aggregatedAPIServer+"."+namespace+".svc")
	if err != nil {
		return err
	}
	_, err = p.Run(aggregatedAPIServer, p.programs[aggregatedAPIServer], append(p.EtcdArgs(),
		"--kubeconfig="+p.kubeconfig, "--authentication-kubeconfig="+p.kubeconfig, "--authorization-kubeconfig="+p.kubeconfig,
		"--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", at), "--tls-cert-file="+cert, "--tls-private-key-file="+key,
	), nil)
	if err != nil {
		return err
	}
	return addon.Aggregate(ctx, p.Cluster, addon.AggregatedAPI{
		Group: "cluster.karmada.io", Version: "v1alpha1", Priority: 2000, Namespace: namespace, Service: aggregatedAPIServer, Port: at, CAFile: ca,
	})
}

func (p *plane) runWebhook(at int) error {
	cert, key, _, err := p.IssueServer(webhook, webhook+"."+namespace+".svc")
	if err != nil {
		return err
	}
	_, err = p.Run(webhook, p.programs[webhook], []string{
		"--kubeconfig=" + p.kubeconfig, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", at),
		"--cert-dir=" + filepath.Dir(cert), "--tls-cert-file-name=" + filepath.Base(cert), "--tls-private-key-file-name=" + filepath.Base(key),
		"--metrics-bind-address=0", "--health-probe-bind-address=0", "--allow-no-execute-taint-policy=true",
	}, nil)
	return err
}

// runControllers runs what works behind the API. A cluster that was joined is looked at every two seconds instead of ten, and believed
// after a few instead of thirty: tests wait for both.
func (p *plane) runControllers() error {
	common := []string{"--kubeconfig=" + p.kubeconfig, "--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=0"}
	_, err := p.Run(controllerManager, p.programs[controllerManager], append([]string{
		"--cluster-status-update-frequency=2s", "--cluster-success-threshold=2s", "--cluster-failure-threshold=6s",
		"--kube-api-qps=200", "--kube-api-burst=400",
	}, common...), nil)
	if err != nil {
		return fmt.Errorf("%s: %w", controllerManager, err)
	}
	// The estimator is a service in each member that says how many replicas fit; nothing here has one.
	if _, err = p.Run(scheduler, p.programs[scheduler], append([]string{"--enable-scheduler-estimator=false"}, common...), nil); err != nil {
		return fmt.Errorf("%s: %w", scheduler, err)
	}
	return nil
}
