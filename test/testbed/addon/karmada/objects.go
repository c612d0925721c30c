package karmada

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
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
		some, err := addon.Decode(strings.NewReader(replace.Replace(string(text))))
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		objects = append(objects, some...)
	}
	if err := addon.Create(ctx, p.Cluster, objects); err != nil {
		return err
	}
	return addon.Established(ctx, p.Cluster)
}

// crds are Karmada's. Those of two versions are converted by the webhook.
func (p *plane) crds(address, bundle string) ([]unstructured.Unstructured, error) {
	objects, err := addon.DecodeFolder(p.programs[crds])
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if name := o.GetName(); name != "resourcebindings.work.karmada.io" && name != "clusterresourcebindings.work.karmada.io" {
			continue
		}
		if err := addon.ConvertBy(&o, address, bundle); err != nil {
			return nil, err
		}
	}
	return objects, nil
}

// serves is nil when a policy would be taken, which passes the webhook, and clusters can be listed, by kubectl too.
func (p *plane) serves(ctx context.Context, client dynamic.Interface) error {
	clusters := schema.GroupVersionResource{Group: "cluster.karmada.io", Version: "v1alpha1", Resource: "clusters"}
	if _, err := client.Resource(clusters).List(ctx, metav1.ListOptions{}); err != nil {
		return err
	}
	policy := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy.karmada.io/v1alpha1", "kind": "ClusterPropagationPolicy", "metadata": map[string]any{"name": "probe"},
		"spec": map[string]any{"resourceSelectors": []any{map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}},
	}}
	policies := schema.GroupVersionResource{Group: "policy.karmada.io", Version: "v1alpha1", Resource: "clusterpropagationpolicies"}
	if _, err := client.Resource(policies).Create(ctx, policy, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		return err
	}
	return addon.Discovered(p.Cluster, clusters, policies)
}

// until waits until try returns nil, and gives up as soon as a program that is needed ends.
func (p *plane) until(ctx context.Context, what string, needed []string, try func(context.Context, dynamic.Interface) error) error {
	client, err := addon.Dynamic(p.Cluster)
	if err != nil {
		return err
	}
	return p.Until(ctx, "wait for "+what, needed, func(ctx context.Context) error { return try(ctx, client) })
}
