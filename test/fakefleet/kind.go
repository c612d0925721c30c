package fakefleet

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kind is a resource type that a server serves.
type kind struct {
	schema.GroupVersionKind
	plural     string
	short      []string
	namespaced bool
	columns    []column
}

func (k kind) singular() string { return strings.ToLower(k.Kind) }

func builtin(group, version, name, plural string, namespaced bool, columns []column, short ...string) kind {
	return kind{
		GroupVersionKind: schema.GroupVersionKind{Group: group, Version: version, Kind: name},
		plural:           plural, short: short, namespaced: namespaced, columns: columns,
	}
}

// builtins are the types that every server has.
func builtins() []kind {
	plain := []column{nameColumn(), ageColumn()}
	return []kind{
		builtin("", "v1", "ConfigMap", "configmaps", true, plain, "cm"),
		builtin("", "v1", "Namespace", "namespaces", false, plain, "ns"),
		builtin("", "v1", "Node", "nodes", false, nodeColumns(), "no"),
		builtin("", "v1", "Pod", "pods", true, podColumns(), "po"),
		builtin("", "v1", "Secret", "secrets", true, plain),
		builtin("", "v1", "Event", "events", true, plain, "ev"),
		builtin("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true, plain, "pvc"),
		builtin("", "v1", "Service", "services", true, plain, "svc"),
		builtin("", "v1", "PersistentVolume", "persistentvolumes", false, plain, "pv"),
		builtin("", "v1", "ReplicationController", "replicationcontrollers", true, plain, "rc"),
		builtin("", "v1", "ServiceAccount", "serviceaccounts", true, plain, "sa"),
		builtin("apps", "v1", "DaemonSet", "daemonsets", true, plain, "ds"),
		builtin("apps", "v1", "Deployment", "deployments", true, deploymentColumns(), "deploy"),
		builtin("apps", "v1", "ReplicaSet", "replicasets", true, plain, "rs"),
		builtin("apps", "v1", "StatefulSet", "statefulsets", true, plain, "sts"),
		builtin("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true, plain, "hpa"),
		builtin("batch", "v1", "CronJob", "cronjobs", true, plain, "cj"),
		builtin("batch", "v1", "Job", "jobs", true, plain),
		builtin("coordination.k8s.io", "v1", "Lease", "leases", true, plain),
		builtin("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true, plain, "pdb"),
		builtin("storage.k8s.io", "v1", "CSIDriver", "csidrivers", false, plain),
		builtin("storage.k8s.io", "v1", "CSINode", "csinodes", false, plain),
		builtin("storage.k8s.io", "v1", "CSIStorageCapacity", "csistoragecapacities", true, plain),
		builtin("storage.k8s.io", "v1", "StorageClass", "storageclasses", false, plain, "sc"),
		builtin("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", false, plain),
		builtin("networking.k8s.io", "v1", "Ingress", "ingresses", true, plain, "ing"),
		builtin("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false, plain),
		builtin("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false, plain),
		builtin("rbac.authorization.k8s.io", "v1", "Role", "roles", true, plain),
		builtin("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true, plain),
		builtin("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false, plain, "crd", "crds"),
	}
}

// kindOf makes the type that a CustomResourceDefinition defines, with the
// columns of its first version.
func kindOf(crd *unstructured.Unstructured) kind {
	text := func(fields ...string) string {
		value, _, _ := unstructured.NestedString(crd.Object, fields...)
		return value
	}
	k := kind{plural: text("spec", "names", "plural"), namespaced: text("spec", "scope") == "Namespaced"}
	k.Group, k.Kind = text("spec", "group"), text("spec", "names", "kind")
	k.short, _, _ = unstructured.NestedStringSlice(crd.Object, "spec", "names", "shortNames")
	k.columns = []column{nameColumn(), ageColumn()}
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if len(versions) == 0 {
		return k
	}
	first, _ := versions[0].(map[string]any)
	k.Version, _, _ = unstructured.NestedString(first, "name")
	if printed, _, _ := unstructured.NestedSlice(first, "additionalPrinterColumns"); len(printed) > 0 {
		k.columns = []column{nameColumn()}
		for _, p := range printed {
			definition, _ := p.(map[string]any)
			k.columns = append(k.columns, customColumn(definition))
		}
	}
	return k
}
