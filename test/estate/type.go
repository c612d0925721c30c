package estate

import (
	"context"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Type is a type of objects that a test brings to a cluster.
type Type struct {
	Kind, Group, Version string
	Namespaced           bool
	// Labels of its definition.
	Labels map[string]string
	// Spec is the schema of spec; nil: it may say anything.
	Spec map[string]any
}

// Define makes a type, and returns when it is served. It stays.
func Define(t testing.TB, config *rest.Config, d Type) dynamic.NamespaceableResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	plural := strings.ToLower(d.Kind) + "s"
	scope := "Cluster"
	if d.Namespaced {
		scope = "Namespaced"
	}
	open := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	spec := d.Spec
	if spec == nil {
		spec = open
	}
	crd := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": plural + "." + d.Group},
		"spec": map[string]any{
			"group": d.Group, "scope": scope, "names": map[string]any{"kind": d.Kind, "plural": plural},
			"versions": []any{map[string]any{
				"name": d.Version, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "properties": map[string]any{"spec": spec, "status": open}}},
			}},
		},
	}}
	crd.SetLabels(d.Labels)
	crds := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	if _, err := crds.Create(t.Context(), crd, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	resource := client.Resource(schema.GroupVersionResource{Group: d.Group, Version: d.Version, Resource: plural})
	Eventually(t, plural+" are served", func() error {
		_, err := resource.List(t.Context(), metav1.ListOptions{})
		return err
	})
	return resource
}

// Put makes an object that goes with the test.
func Put(t testing.TB, resource dynamic.ResourceInterface, object map[string]any) {
	t.Helper()
	o := &unstructured.Unstructured{Object: object}
	if _, err := resource.Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		if err := resource.Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
}
