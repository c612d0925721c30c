package karmada

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

// service is what Karmada's manifests call the webhook's server, without the namespace.
const service = "https://karmada-webhook.karmada-system.svc:443"

// apply creates what Karmada needs in the hub before its programs start: namespaces, CRDs, the configuration of webhooks, and the right
// of the administrator to reach members through it.
func (p *plane) apply(ctx context.Context, webhookPort int) error {
	ca, err := os.ReadFile(p.CACert())
	if err != nil {
		return err
	}
	bundle := base64.StdEncoding.EncodeToString(ca)
	address := fmt.Sprintf("https://localhost:%d", webhookPort)

	objects, err := p.crds(address, bundle)
	if err != nil {
		return err
	}
	for _, name := range []string{namespace, "karmada-cluster"} {
		objects = append(objects, unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
		}})
	}
	for file, replace := range map[string]*strings.Replacer{
		"webhook-configuration.yaml":    strings.NewReplacer(service, address, "{{caBundle}}", bundle),
		"cluster-proxy-admin-rbac.yaml": strings.NewReplacer("system:admin", "admin"),
	} {
		text, err := os.ReadFile(filepath.Join(p.programs[manifests], file))
		if err != nil {
			return err
		}
		some, err := decode(strings.NewReader(replace.Replace(string(text))))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		objects = append(objects, some...)
	}
	if err := p.create(ctx, objects); err != nil {
		return err
	}
	// The controllers end if they find a type missing.
	return p.until(ctx, "CRDs", p.Components(), established)
}

// established is nil when all CRDs are served.
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

// crds are Karmada's. Those of two versions are converted by the webhook.
func (p *plane) crds(address, bundle string) ([]unstructured.Unstructured, error) {
	var objects []unstructured.Unstructured
	err := filepath.WalkDir(p.programs[crds], func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		some, err := decode(bytes.NewReader(text))
		objects = append(objects, some...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if name := o.GetName(); name != "resourcebindings.work.karmada.io" && name != "clusterresourcebindings.work.karmada.io" {
			continue
		}
		conversion := map[string]any{"strategy": "Webhook", "webhook": map[string]any{
			"clientConfig": map[string]any{"url": address + "/convert", "caBundle": bundle}, "conversionReviewVersions": []any{"v1"},
		}}
		if err := unstructured.SetNestedMap(o.Object, conversion, "spec", "conversion"); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

func decode(r io.Reader) ([]unstructured.Unstructured, error) {
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

// create creates cluster-scoped objects.
func (p *plane) create(ctx context.Context, objects []unstructured.Unstructured) error {
	client, err := p.dynamic()
	if err != nil {
		return err
	}
	for _, o := range objects {
		gvk := o.GroupVersionKind()
		resource := gvk.GroupVersion().WithResource(strings.ToLower(gvk.Kind) + "s")
		if _, err := client.Resource(resource).Create(ctx, &o, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("%s %s: %w", gvk.Kind, o.GetName(), err)
		}
	}
	return nil
}

// serves is nil when a policy would be taken, which passes the webhook, and clusters can be listed.
func serves(ctx context.Context, client dynamic.Interface) error {
	clusters := schema.GroupVersionResource{Group: "cluster.karmada.io", Version: "v1alpha1", Resource: "clusters"}
	if _, err := client.Resource(clusters).List(ctx, metav1.ListOptions{}); err != nil {
		return err
	}
	policy := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy.karmada.io/v1alpha1", "kind": "ClusterPropagationPolicy", "metadata": map[string]any{"name": "probe"},
		"spec": map[string]any{"resourceSelectors": []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}},
	}}
	policies := schema.GroupVersionResource{Group: "policy.karmada.io", Version: "v1alpha1", Resource: "clusterpropagationpolicies"}
	_, err := client.Resource(policies).Create(ctx, policy, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}

// until waits until try returns nil, and gives up as soon as a program that is needed ends.
func (p *plane) until(ctx context.Context, what string, needed []string, try func(context.Context, dynamic.Interface) error) error {
	client, err := p.dynamic()
	if err != nil {
		return err
	}
	return p.Until(ctx, "wait for "+what, needed, func(ctx context.Context) error { return try(ctx, client) })
}

func (p *plane) dynamic() (dynamic.Interface, error) {
	config, err := p.RESTConfig()
	if err != nil {
		return nil, err
	}
	return dynamic.NewForConfig(config)
}
