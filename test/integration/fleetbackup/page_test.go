package fleetbackup_test

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/test/page"
)

// The page of the disaster recovery drill, with an application in two clusters. Nothing
// runs beside it: it restores as everybody does, and a cluster takes one restore at a time.
func TestPage(t *testing.T) {
	f := bed(t)
	members := map[string]string{"east": "c1", "west": "c2"}
	for name, cluster := range members {
		shop(t, cluster, "shop")
		create(t, objects(t, cluster, "apps", "v1", "deployments", "shop"), till())
		create(t, objects(t, cluster, "", "v1", "persistentvolumeclaims", "shop"), claim("data"))
		rolledOut(t, cluster, "shop")
		t.Cleanup(func() {
			namespaces := objects(t, cluster, "", "v1", "namespaces", "")
			_ = namespaces.Delete(context.WithoutCancel(t.Context()), "shop-of-"+name, metav1.DeleteOptions{})
		})
	}
	page.Shell{
		Plugins: plugins(), Programs: map[string]string{"kubectl": f.Binary(t, "kubectl")},
		Config: page.Kubeconfig(t, f.Kubeconfig(), members),
	}.Run(t, "disaster-recovery")
	// In a Velero that takes one of the Backups for running still they stay.
	_, sets := run(t, "get", "-o", "name")
	for set := range strings.FieldsSeq(sets) {
		name := strings.TrimPrefix(set, "backupexecution.kubectl-fleet.io/")
		if !strings.HasPrefix(name, "shop-") {
			continue
		}
		if code, said := run(t, "delete", name, "-C", "c1,c2", "--yes"); code != 0 && !strings.Contains(said, "Velero will only see that when it is restarted") {
			t.Errorf("delete %s: exit code %d\n%s", name, code, said)
		}
	}
}

// claim is one for a small volume of the default StorageClass.
func claim(name string) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"accessModes": []any{"ReadWriteOnce"}, "resources": map[string]any{"requests": map[string]any{"storage": "1Mi"}}},
	}
}
