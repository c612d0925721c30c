package addon

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
)

// AggregatedAPI is an API that another program serves on a port of loopback.
type AggregatedAPI struct {
	Group, Version string
	// Priority of the group.
	Priority int64
	// Namespace and Service stand for the program; its certificate is for SERVICE.NAMESPACE.svc.
	Namespace, Service string
	Port               int
	// CAFile is who signed the certificate.
	CAFile string
}

// Aggregate tells a cluster's API server to pass an API on, by way of a Service without endpoints.
func Aggregate(ctx context.Context, c *cluster.Cluster, a AggregatedAPI) error {
	ca, err := os.ReadFile(a.CAFile)
	if err != nil {
		return err
	}
	client, err := c.Client()
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Services(a.Namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: a.Service},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost",
			Ports: []corev1.ServicePort{{Port: int32(a.Port)}}},
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
		"metadata": map[string]any{"name": a.Version + "." + a.Group},
		"spec": map[string]any{
			"group": a.Group, "version": a.Version, "groupPriorityMinimum": a.Priority, "versionPriority": int64(10),
			"caBundle": base64.StdEncoding.EncodeToString(ca),
			"service":  map[string]any{"name": a.Service, "namespace": a.Namespace, "port": int64(a.Port)},
		},
	}}
	gvr := schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	_, err = dyn.Resource(gvr).Create(ctx, service, metav1.CreateOptions{})
	return err
}

// Discovered is nil when the API server's list of all APIs, which is what kubectl asks, has the resources. It takes in an aggregated API some time
// after it passes requests on to it.
func Discovered(c *cluster.Cluster, resources ...schema.GroupVersionResource) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	if err != nil {
		return err
	}
	known, err := discovery.GroupVersionResources(lists)
	if err != nil {
		return err
	}
	for _, r := range resources {
		if _, ok := known[r]; !ok {
			return fmt.Errorf("discovery does not have %s yet", r.GroupResource())
		}
	}
	return nil
}
