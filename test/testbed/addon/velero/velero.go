// Package velero adds Velero to a bed: a server beside each cluster, with the plugin for S3, and one store of objects for all of them.
package velero

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

// Namespace is Velero's in each cluster.
const Namespace = "velero"

const (
	module       = "github.com/vmware-tanzu/velero"
	pluginModule = "github.com/vmware-tanzu/velero-plugin-for-aws"

	program = "velero"
	plugin  = "velero-plugin-for-aws"
	// CRDs of two versions.
	crds      = "velero-crds"
	crdsAlpha = "velero-crds-v2alpha1"
)

// Addon is Velero.
type Addon struct{}

// Name is "velero".
func (Addon) Name() string { return "velero" }

// Programs are Velero, which is a program of ours around its own command, its plugin, its CRDs, and the store.
func (Addon) Programs(root string) ([]stack.Program, error) {
	s, err := stack.Load(root, "velero")
	if err != nil {
		return nil, err
	}
	v, err := s.Version(module)
	if err != nil {
		return nil, err
	}
	pluginVersion, err := s.Version(pluginModule)
	if err != nil {
		return nil, err
	}
	store, err := storeProgram(root)
	if err != nil {
		return nil, err
	}
	return []stack.Program{
		store,
		{Name: program, Package: ".", Stack: s, Version: v},
		{Name: plugin, Package: pluginModule + "/" + plugin, Stack: s, Version: pluginVersion},
		{Name: crds, Package: module, Stack: s, Version: v, Folder: filepath.Join("config", "crd", "v1", "bases")},
		{Name: crdsAlpha, Package: module, Stack: s, Version: v, Folder: filepath.Join("config", "crd", "v2alpha1", "bases")},
	}, nil
}

// Start runs the store and a server for each cluster, and returns when all servers have reached all there is in the store. Where clusters have
// snapshots of volumes, Velero takes them: the add-on snapshots comes before.
func (Addon) Start(ctx context.Context, host addon.Host) error {
	s, err := startStore(ctx, host)
	if err != nil {
		return err
	}
	definitions, err := decode(host.Programs[crds], host.Programs[crdsAlpha])
	if err != nil {
		return err
	}
	return addon.Each(host.Clusters, func(c *cluster.Cluster) error {
		if err := addon.Create(ctx, c, append(objects(), definitions...)); err != nil {
			return err
		}
		if err := addon.Established(ctx, c); err != nil {
			return err
		}
		if err := addon.Create(ctx, c, s.objects(c, host.Clusters)); err != nil {
			return err
		}
		if err := s.serve(c, host.Programs); err != nil {
			return err
		}
		return available(ctx, c)
	})
}

func decode(folders ...string) ([]unstructured.Unstructured, error) {
	var all []unstructured.Unstructured
	for _, folder := range folders {
		some, err := addon.DecodeFolder(folder)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// serve starts the server of a cluster. The store's credentials are a file, as in Velero's own installation, and not a Secret that the locations
// name: of such a Velero writes a file for each call, and a call that runs beside it may find that empty.
func (s store) serve(c *cluster.Cluster, programs map[string]string) error {
	flags, err := featureFlags(c)
	if err != nil {
		return err
	}
	kubeconfig, err := c.IssueClient(program, "system:masters")
	if err != nil {
		return err
	}
	// Half-made backups.
	temp := filepath.Join(c.Dir, "velero")
	if err := os.Mkdir(temp, 0o700); err != nil {
		return err
	}
	_, err = c.Run(program, programs[program], append([]string{
		"server", "--kubeconfig=" + kubeconfig, "--namespace=" + Namespace,
		// It is alone in its folder.
		"--plugin-dir=" + filepath.Dir(programs[plugin]),
		// Nobody reads them.
		"--metrics-address=127.0.0.1:0", "--profiler-address=",
		// Looked at once a minute, so that this means: each time.
		"--backup-sync-period=10s",
		// One that Velero counts for ever (velero-io/velero#10519) is not to stop its whole queue.
		"--concurrent-backups=3",
	}, flags...), []string{"TMPDIR=" + temp, "AWS_SHARED_CREDENTIALS_FILE=" + s.credentials})
	return err
}

// featureFlags are what a server needs for what its cluster has.
func featureFlags(c *cluster.Cluster) ([]string, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	groups, err := client.Discovery().ServerGroups()
	if err != nil {
		return nil, err
	}
	for _, g := range groups.Groups {
		if g.Name == "snapshot.storage.k8s.io" {
			return []string{"--features=EnableCSI"}, nil
		}
	}
	return nil, nil
}

// available waits until the server has reached all locations.
func available(ctx context.Context, c *cluster.Cluster) error {
	client, err := addon.Dynamic(c)
	if err != nil {
		return err
	}
	locations := client.Resource(schema.GroupVersionResource{Group: "velero.io", Version: "v1", Resource: "backupstoragelocations"}).Namespace(Namespace)
	return c.Until(ctx, "wait for Velero", []string{program}, func(ctx context.Context) error {
		list, err := locations.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, l := range list.Items {
			phase, _, err := unstructured.NestedString(l.Object, "status", "phase")
			if err != nil {
				return err
			}
			if phase != "Available" {
				return fmt.Errorf("the location %s is %q", l.GetName(), phase)
			}
		}
		return nil
	})
}
