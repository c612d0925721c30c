// Package metrics adds metrics-server to every cluster of a bed, so that kubectl top works. The numbers come from annotations of the
// pods, by way of KWOK.
package metrics

import (
	"context"
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/port"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

const (
	program   = "metrics-server"
	module    = "sigs.k8s.io/metrics-server"
	namespace = "kube-system"
	// resolution is the smallest that metrics-server takes. A rate needs two readings, so kubectl top answers after twice as long.
	resolution = 10 * time.Second
)

// Addon is metrics-server.
type Addon struct{}

// Name is "metrics".
func (Addon) Name() string { return "metrics" }

// Programs is metrics-server, from its own stack: in that of Kubernetes it would raise what Kubernetes itself is built from.
func (Addon) Programs(root string) ([]stack.Program, error) {
	s, err := stack.Load(root, "metrics")
	if err != nil {
		return nil, err
	}
	v, err := s.Version(module)
	if err != nil {
		return nil, err
	}
	return []stack.Program{{Name: program, Package: module + "/cmd/metrics-server", Stack: s, Version: v}}, nil
}

// Start runs one metrics-server a cluster and returns when each serves metrics of the cluster's nodes.
func (Addon) Start(ctx context.Context, host addon.Host) error {
	return addon.Each(host.Clusters, func(c *cluster.Cluster) error { return install(ctx, c, host.Programs[program]) })
}

func install(ctx context.Context, c *cluster.Cluster, path string) error {
	kubeconfig, err := c.IssueClient("metrics-server", "system:masters")
	if err != nil {
		return err
	}
	cert, key, ca, err := c.IssueServer("metrics-server-serving", program+"."+namespace+".svc")
	if err != nil {
		return err
	}
	held, ports, err := port.Reserve(ctx, 1)
	if err != nil {
		return err
	}
	defer held.Close()
	if err := addon.Aggregate(ctx, c, addon.AggregatedAPI{
		Group: "metrics.k8s.io", Version: "v1beta1", Priority: 100, Namespace: namespace, Service: program, Port: ports[0], CAFile: ca,
	}); err != nil {
		return err
	}
	held.Close()
	_, err = c.Run(program, path, []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(ports[0]), "--tls-cert-file=" + cert, "--tls-private-key-file=" + key,
		"--kubelet-certificate-authority=" + ca, "--kubelet-preferred-address-types=InternalIP", "--kubelet-use-node-status-port",
		// The resolution must be greater than the time allowed for one request.
		"--kubelet-request-timeout=5s", "--metric-resolution=" + resolution.String(),
	}, nil)
	if err != nil {
		return err
	}
	return waitServing(ctx, c)
}

// waitServing returns when the cluster answers with metrics of nodes, which is after two readings.
func waitServing(ctx context.Context, c *cluster.Cluster) error {
	config, err := c.RESTConfig()
	if err != nil {
		return err
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	metrics := schema.GroupVersionResource{Group: "metrics.k8s.io", Version: "v1beta1", Resource: "nodes"}
	nodes := dyn.Resource(metrics)
	return c.Until(ctx, "wait for metrics", []string{program}, func(ctx context.Context) error {
		list, err := nodes.List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) < c.Nodes {
			err = fmt.Errorf("metrics of %d nodes out of %d", len(list.Items), c.Nodes)
		}
		if err == nil {
			err = addon.Discovered(c, metrics)
		}
		return err
	})
}
