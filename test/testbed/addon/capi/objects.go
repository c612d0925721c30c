package capi

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
)

const (
	group          = "cluster.x-k8s.io"
	infrastructure = "infrastructure." + group
	controlPlane   = "controlplane." + group
	bootstrap      = "bootstrap." + group
	// version of the stand-in's kinds.
	version = "v1"
)

// webhook is where the manager serves its webhooks, and who signed its certificate.
type webhook struct{ address, bundle string }

// objects are what must be there before the manager starts: the CRDs of the core and of the stand-in, and the core's webhooks.
func (w webhook) objects(crds, webhooks string) ([]unstructured.Unstructured, error) {
	all, err := addon.DecodeFolder(crds)
	if err != nil {
		return nil, err
	}
	// What there is for add-ons and addresses the manager does not run. Of extensions it wants to know that there are none.
	objects := slices.DeleteFunc(all, func(o unstructured.Unstructured) bool {
		_, in, _ := strings.Cut(o.GetName(), ".")
		return in != group && in != "runtime."+group
	})
	for i := range objects {
		if err := addon.ConvertBy(&objects[i], w.address, w.bundle); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(filepath.Join(webhooks, "manifests.yaml"))
	if err != nil {
		return nil, err
	}
	configurations, err := addon.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	for _, o := range configurations {
		if err := w.pointTo(&o); err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	for in, kinds := range map[string][]string{
		infrastructure: {"KWOKCluster", "KWOKClusterTemplate", "KWOKMachine", "KWOKMachinePool", "KWOKMachineTemplate"},
		controlPlane:   {"KWOKControlPlane", "KWOKControlPlaneTemplate"},
		bootstrap:      {"KWOKConfig", "KWOKConfigTemplate"},
	} {
		for _, kind := range kinds {
			objects = append(objects, crd(in, kind))
		}
	}
	return append(objects, addon.Object("v1", "Namespace", "", Namespace, nil)), nil
}

// pointTo has the core's own webhooks called where the manager is, and drops others.
func (w webhook) pointTo(configuration *unstructured.Unstructured) error {
	all, _, err := unstructured.NestedSlice(configuration.Object, "webhooks")
	if err != nil {
		return err
	}
	var kept []any
	for _, one := range all {
		hook, _ := one.(map[string]any)
		path, _, err := unstructured.NestedString(hook, "clientConfig", "service", "path")
		if err != nil {
			return err
		}
		if !strings.Contains(path, "e-cluster-x-k8s-io-") { // mutate- and validate-
			continue
		}
		hook["clientConfig"] = map[string]any{"url": w.address + path, "caBundle": w.bundle}
		kept = append(kept, hook)
	}
	return unstructured.SetNestedSlice(configuration.Object, kept, "webhooks")
}

// crd is one of the stand-in, which says what it likes.
func crd(in, kind string) unstructured.Unstructured {
	plural := strings.ToLower(kind) + "s"
	open := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	o := addon.Object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", plural+"."+in, map[string]any{"spec": map[string]any{
		"group": in, "scope": "Namespaced",
		"names": map[string]any{"kind": kind, "listKind": kind + "List", "plural": plural, "singular": strings.ToLower(kind), "categories": []any{"cluster-api"}},
		"versions": []any{map[string]any{
			"name": version, "served": true, "storage": true, "subresources": map[string]any{"status": map[string]any{}},
			"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "properties": map[string]any{"spec": open, "status": open}}},
		}},
	}})
	// Which of its versions keeps which contract with Cluster API.
	o.SetLabels(map[string]string{group + "/v1beta2": version})
	return o
}

// templates are what machines are made from, and a class of clusters.
func templates() []unstructured.Unstructured {
	empty := map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{}}}}
	reference := func(in, kind string) map[string]any {
		return map[string]any{"templateRef": map[string]any{"apiVersion": in + "/" + version, "kind": kind, "name": Template}}
	}
	return []unstructured.Unstructured{
		addon.Object(infrastructure+"/"+version, "KWOKMachineTemplate", Namespace, Template, empty),
		addon.Object(infrastructure+"/"+version, "KWOKClusterTemplate", Namespace, Template, empty),
		addon.Object(controlPlane+"/"+version, "KWOKControlPlaneTemplate", Namespace, Template, empty),
		addon.Object(bootstrap+"/"+version, "KWOKConfigTemplate", Namespace, Template, empty),
		addon.Object(group+"/v1beta2", "ClusterClass", Namespace, Template, map[string]any{"spec": map[string]any{
			"infrastructure": reference(infrastructure, "KWOKClusterTemplate"),
			"controlPlane":   reference(controlPlane, "KWOKControlPlaneTemplate"),
			"workers": map[string]any{"machineDeployments": []any{map[string]any{
				"class": Template, "infrastructure": reference(infrastructure, "KWOKMachineTemplate"), "bootstrap": reference(bootstrap, "KWOKConfigTemplate"),
			}}},
		}}),
	}
}

// managed is a cluster of the bed as Cluster API wants to be told of it.
func managed(c *cluster.Cluster) ([]unstructured.Unstructured, error) {
	kubeconfig, err := os.ReadFile(c.Kubeconfig())
	if err != nil {
		return nil, err
	}
	secret := addon.Object("v1", "Secret", Namespace, c.Name+"-kubeconfig", map[string]any{
		"type": group + "/secret", "data": map[string]any{"value": base64.StdEncoding.EncodeToString(kubeconfig)},
	})
	secret.SetLabels(map[string]string{group + "/cluster-name": c.Name})
	reference := func(in, kind string) map[string]any {
		return map[string]any{"apiGroup": in, "kind": kind, "name": c.Name}
	}
	return []unstructured.Unstructured{
		secret,
		addon.Object(infrastructure+"/"+version, "KWOKCluster", Namespace, c.Name, nil),
		addon.Object(controlPlane+"/"+version, "KWOKControlPlane", Namespace, c.Name, map[string]any{"spec": map[string]any{"version": c.Version}}),
		addon.Object(group+"/v1beta2", "Cluster", Namespace, c.Name, map[string]any{"spec": map[string]any{
			"controlPlaneEndpoint": map[string]any{"host": "127.0.0.1", "port": int64(c.Ports.APIServer)},
			"infrastructureRef":    reference(infrastructure, "KWOKCluster"),
			"controlPlaneRef":      reference(controlPlane, "KWOKControlPlane"),
		}}),
	}, nil
}
