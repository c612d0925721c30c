package cluster

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NodeName is the name of the i-th node, counted from 1. It holds the cluster's name, so that a node in a list of several clusters
// tells where it is.
func (c *Cluster) NodeName(i int) string { return fmt.Sprintf("%s-node-%d", c.Name, i) }

// createNodes adds the nodes, spread over three zones; KWOK fills in the rest and keeps them alive.
func (c *Cluster) createNodes(ctx context.Context) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	for i := 1; i <= c.Nodes; i++ {
		name := c.NodeName(i)
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				corev1.LabelHostname:             name,
				corev1.LabelOSStable:             "linux",
				corev1.LabelArchStable:           "amd64",
				corev1.LabelInstanceTypeStable:   "kwok",
				corev1.LabelTopologyRegion:       c.Name,
				corev1.LabelTopologyZone:         fmt.Sprintf("%s-%c", c.Name, 'a'+(i-1)%3),
				"node-role.kubernetes.io/worker": "",
				"type":                           "kwok",
			},
			// metrics-server asks each node at its own path, for all of them share one address.
			Annotations: map[string]string{"metrics.k8s.io/resource-metrics-path": "/metrics/nodes/" + name + "/metrics/resource"},
		}}
		if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create node %s: %w", name, err)
		}
	}
	return nil
}
