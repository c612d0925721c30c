package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Client is a typed client of the cluster's administrator, without rate limits.
func (c *Cluster) Client() (*kubernetes.Clientset, error) {
	config, err := c.RESTConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// waitServing returns when the API server says it is ready, its built-in roles included.
func (c *Cluster) waitServing(ctx context.Context) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	return c.Until(ctx, "wait for the API server", []string{Etcd, APIServer}, func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// WaitReady returns when the API serves, pods can be created in the default namespace, and no node is without a heartbeat.
// A node that says of itself that it is not ready, as a test may have it do, does not hold it up.
func (c *Cluster) WaitReady(ctx context.Context) error {
	if err := c.waitServing(ctx); err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	if c.Hub {
		return c.waitAggregated(ctx, client)
	}
	return c.Until(ctx, "wait for nodes and controllers", c.Components(), func(ctx context.Context) error {
		if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
		// From the watch cache: a quorum read of each of thousands of nodes would cost more than the answer is worth.
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return err
		}
		var lost []string
		for _, n := range nodes.Items {
			if readiness(n) == corev1.ConditionUnknown {
				lost = append(lost, n.Name)
			}
		}
		if len(lost) > 0 {
			return fmt.Errorf("nodes without a heartbeat: %s", strings.Join(lost, ", "))
		}
		return nil
	})
}

// waitAggregated returns when the API servers of add-ons serve behind the cluster's own.
func (c *Cluster) waitAggregated(ctx context.Context, client *kubernetes.Clientset) error {
	return c.Until(ctx, "wait for aggregated APIs", c.Components(), func(ctx context.Context) error {
		raw, err := client.Discovery().RESTClient().Get().AbsPath("/apis/apiregistration.k8s.io/v1/apiservices").DoRaw(ctx)
		if err != nil {
			return err
		}
		var services struct {
			Items []struct {
				Spec struct {
					Group, Version string
					Service        *struct{}
				}
			}
		}
		if err := json.Unmarshal(raw, &services); err != nil {
			return err
		}
		for _, s := range services.Items {
			if s.Spec.Service == nil {
				continue // its own
			}
			// Asked, since what its status says may be from before the API server died.
			if err := client.Discovery().RESTClient().Get().AbsPath("/apis", s.Spec.Group, s.Spec.Version).Do(ctx).Error(); err != nil {
				return fmt.Errorf("%s/%s: %w", s.Spec.Group, s.Spec.Version, err)
			}
		}
		return nil
	})
}

func readiness(n corev1.Node) corev1.ConditionStatus {
	for _, condition := range n.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status
		}
	}
	return corev1.ConditionUnknown
}
