// Package metrics adds metrics-server to every cluster of a bed, so that kubectl top works. The numbers come from annotations of the
// pods, by way of KWOK.
package metrics

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	errs := make([]error, len(host.Clusters))
	var wg sync.WaitGroup
	for i, c := range host.Clusters {
		wg.Go(func() {
			if err := install(ctx, c, host.Programs[program]); err != nil {
				errs[i] = fmt.Errorf("metrics-server in cluster %s: %w", c.Name, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
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
	if err := register(ctx, c, ports[0], ca); err != nil {
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

// register tells the API server to pass metrics.k8s.io on to a port of loopback, by way of a Service without endpoints.
func register(ctx context.Context, c *cluster.Cluster, p int, caFile string) error {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: program},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost",
			Ports: []corev1.ServicePort{{Port: int32(p)}}},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	config, err := c.RESTConfig()
	if err != nil {
		return err
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	service := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": map[string]any{"name": "v1beta1.metrics.k8s.io"},
		"spec": map[string]any{
			"group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": int64(100), "versionPriority": int64(100),
			"caBundle": base64.StdEncoding.EncodeToString(ca),
			"service":  map[string]any{"name": program, "namespace": namespace, "port": int64(p)},
		},
	}}
	gvr := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	_, err = dyn.Resource(gvr).Create(ctx, service, metav1.CreateOptions{})
	return err
}

// waitServing returns when the cluster answers with metrics of nodes, which is after two readings.
func waitServing(ctx context.Context, c *cluster.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	config, err := c.RESTConfig()
	if err != nil {
		return err
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	nodes := dyn.Resource(schema.GroupVersionResource{Group: "metrics.k8s.io", Version: "v1beta1", Resource: "nodes"})
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := nodes.List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) >= c.Nodes {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("metrics of %d nodes out of %d", len(list.Items), c.Nodes)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for metrics: %w (last: %w); its log is %s", ctx.Err(), err, c.LogFile(program))
		case <-tick.C:
		}
	}
}
