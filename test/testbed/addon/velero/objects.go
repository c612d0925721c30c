package velero

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
)

// objects are what a server must find besides its CRDs: its namespace, and the Deployment that it takes itself for.
func objects() []unstructured.Unstructured {
	labels := map[string]any{"deploy": program}
	return []unstructured.Unstructured{
		addon.Object("v1", "Namespace", "", Namespace, nil),
		addon.Object("apps/v1", "Deployment", Namespace, program, map[string]any{"spec": map[string]any{
			"replicas": int64(0),
			"selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{
				"containers": []any{map[string]any{"name": program, "image": "registry.example/velero:1"}},
			}},
		}}),
	}
}

// objects are the locations of backups in the store: a cluster's own, which is its default, and to read only those of all others, named
// as the clusters. Each has a prefix of its own, for two that write below the same one spoil each other's backups.
func (s store) objects(c *cluster.Cluster, all []*cluster.Cluster) []unstructured.Unstructured {
	list := []unstructured.Unstructured{
		s.location("default", c, map[string]any{"default": true, "accessMode": "ReadWrite"}),
	}
	for _, other := range all {
		if other.Name != c.Name {
			list = append(list, s.location(other.Name, other, map[string]any{"accessMode": "ReadOnly"}))
		}
	}
	return list
}

// location is where a cluster's backups are.
func (s store) location(name string, of *cluster.Cluster, spec map[string]any) unstructured.Unstructured {
	spec["provider"] = "aws"
	spec["objectStorage"] = map[string]any{"bucket": bucket, "prefix": of.Name}
	spec["config"] = map[string]any{
		"region": region, "s3Url": s.address, "s3ForcePathStyle": "true",
		// The plugin's default is one that only Amazon's own S3 is sure to take.
		"checksumAlgorithm": "",
	}
	return addon.Object("velero.io/v1", "BackupStorageLocation", Namespace, name, map[string]any{"spec": spec})
}
