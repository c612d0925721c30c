package addon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
)

// Decode reads manifests in YAML.
func Decode(r io.Reader) ([]unstructured.Unstructured, error) {
	var objects []unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(r, 4096); ; {
		object := unstructured.Unstructured{}
		switch err := decoder.Decode(&object); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, err
		case len(object.Object) > 0:
			objects = append(objects, object)
		}
	}
}

// DecodeFolder reads all manifests of a folder and those below.
func DecodeFolder(folder string) ([]unstructured.Unstructured, error) {
	var objects []unstructured.Unstructured
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		some, err := Decode(bytes.NewReader(text))
		objects = append(objects, some...)
		return err
	})
	return objects, err
}

// Object is one of any kind; rest is what it has besides its name. The namespace is empty where the kind has none.
func Object(apiVersion, kind, namespace, name string, rest map[string]any) unstructured.Unstructured {
	o := unstructured.Unstructured{Object: map[string]any{}}
	maps.Copy(o.Object, rest)
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// ConvertBy has a CRD's versions converted by a webhook.
func ConvertBy(crd *unstructured.Unstructured, address, bundle string) error {
	return unstructured.SetNestedMap(crd.Object, map[string]any{"strategy": "Webhook", "webhook": map[string]any{
		"clientConfig": map[string]any{"url": address + "/convert", "caBundle": bundle}, "conversionReviewVersions": []any{"v1"},
	}}, "spec", "conversion")
}

// Dynamic is a client for any objects of a cluster.
func Dynamic(c *cluster.Cluster) (dynamic.Interface, error) {
	config, err := c.RESTConfig()
	if err != nil {
		return nil, err
	}
	return dynamic.NewForConfig(config)
}

// Create creates objects of kinds with a regular plural; those that are there are left.
func Create(ctx context.Context, c *cluster.Cluster, objects []unstructured.Unstructured) error {
	client, err := Dynamic(c)
	if err != nil {
		return err
	}
	for _, o := range objects {
		resource, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
		if _, err := client.Resource(resource).Namespace(o.GetNamespace()).Create(ctx, &o, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
	return nil
}

// Established waits until all CRDs of a cluster are served. Controllers end if they find a type missing.
func Established(ctx context.Context, c *cluster.Cluster) error {
	client, err := Dynamic(c)
	if err != nil {
		return err
	}
	return c.Until(ctx, "wait for CRDs", c.Components(), func(ctx context.Context) error { return established(ctx, client) })
}

func established(ctx context.Context, client dynamic.Interface) error {
	list, err := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, crd := range list.Items {
		conditions, _, err := unstructured.NestedSlice(crd.Object, "status", "conditions")
		if err != nil {
			return err
		}
		served := slices.ContainsFunc(conditions, func(one any) bool {
			condition, _ := one.(map[string]any)
			return condition["type"] == "Established" && condition["status"] == "True"
		})
		if !served {
			return fmt.Errorf("%s is not established", crd.GetName())
		}
	}
	return nil
}
