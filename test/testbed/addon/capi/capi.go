// Package capi adds Cluster API to a bed: its core controllers and webhooks, in the first cluster, which manages itself and all others of
// the bed. Its infrastructure is a stand-in, whose machines are KWOK nodes. No machine is made; that is what tests do.
package capi

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/port"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// Namespace has the Cluster objects, which are named as the clusters of the bed, and the templates, all of them named Template.
const (
	Namespace = "capi"
	Template  = "kwok"
)

const (
	module  = "sigs.k8s.io/cluster-api"
	manager = "capi-manager"
	// Of the same version: CRDs, and the configuration of webhooks.
	crds     = "capi-crds"
	webhooks = "capi-webhooks"
)

// Addon is Cluster API.
type Addon struct{}

// Name is "capi".
func (Addon) Name() string { return "capi" }

// Programs are the manager, which is a program of ours around Cluster API's own controllers, and the manifests of the same version.
func (Addon) Programs(root string) ([]stack.Program, error) {
	s, err := stack.Load(root, "capi")
	if err != nil {
		return nil, err
	}
	v, err := s.Version(module)
	if err != nil {
		return nil, err
	}
	return []stack.Program{
		{Name: manager, Package: ".", Stack: s, Version: v},
		{Name: crds, Package: module, Stack: s, Version: v, Folder: filepath.Join("config", "crd", "bases")},
		{Name: webhooks, Package: module, Stack: s, Version: v, Folder: filepath.Join("config", "webhook")},
	}, nil
}

// Start runs the manager and returns when it reaches all clusters.
func (Addon) Start(ctx context.Context, host addon.Host) error {
	management := host.Clusters[0]
	kubeconfig, err := management.IssueClient(manager, "system:masters")
	if err != nil {
		return err
	}
	cert, key, ca, err := management.IssueServer(manager + "-serving")
	if err != nil {
		return err
	}
	held, ports, err := port.Reserve(ctx, 1)
	if err != nil {
		return err
	}
	defer held.Close()
	bundle, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	w := webhook{fmt.Sprintf("https://127.0.0.1:%d", ports[0]), base64.StdEncoding.EncodeToString(bundle)}
	objects, err := w.objects(host.Programs[crds], host.Programs[webhooks])
	if err != nil {
		return err
	}
	if err := addon.Create(ctx, management, objects); err != nil {
		return err
	}
	if err := addon.Established(ctx, management); err != nil {
		return err
	}
	held.Close()
	_, err = management.Run(manager, host.Programs[manager], []string{
		"--management=" + kubeconfig, fmt.Sprintf("--webhook-port=%d", ports[0]),
		"--cert-dir=" + filepath.Dir(cert), "--cert-name=" + filepath.Base(cert), "--key-name=" + filepath.Base(key),
	}, nil)
	if err != nil {
		return err
	}
	return manage(ctx, management, host.Clusters)
}

// manage gives Cluster API the clusters, and waits until it reaches them.
func manage(ctx context.Context, management *cluster.Cluster, clusters []*cluster.Cluster) error {
	objects := templates()
	for _, c := range clusters {
		some, err := managed(c)
		if err != nil {
			return err
		}
		objects = append(objects, some...)
	}
	needed := append(management.Components(), manager)
	err := management.Until(ctx, "wait for the webhooks of Cluster API", needed, func(ctx context.Context) error {
		return addon.Create(ctx, management, objects)
	})
	if err != nil {
		return err
	}
	client, err := addon.Dynamic(management)
	if err != nil {
		return err
	}
	resource := client.Resource(schema.GroupVersionResource{Group: "cluster.x-k8s.io", Version: "v1beta2", Resource: "clusters"}).Namespace(Namespace)
	return management.Until(ctx, "wait for Cluster API to reach the clusters", needed, func(ctx context.Context) error {
		list, err := resource.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, c := range list.Items {
			if !isTrue(&c, "RemoteConnectionProbe") || !isTrue(&c, "ControlPlaneInitialized") {
				return fmt.Errorf("cluster %s is not reached", c.GetName())
			}
		}
		return nil
	})
}

func isTrue(o *unstructured.Unstructured, condition string) bool {
	conditions, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
	if err != nil {
		return false
	}
	for _, one := range conditions {
		if c, is := one.(map[string]any); is && c["type"] == condition {
			return c["status"] == "True"
		}
	}
	return false
}
