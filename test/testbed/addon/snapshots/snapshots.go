// Package snapshots adds CSI volumes to a bed, and snapshots of them: Kubernetes' own snapshot-controller and csi-snapshotter beside each
// cluster, and a driver of ours whose volumes are directories of this machine.
package snapshots

import (
	"context"
	"path/filepath"
	"strings"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

const (
	// Driver is the CSI driver's name.
	Driver = "directory.testbed.kubectl-fleet.io"
	// Class is the name of the StorageClass, which is each cluster's default, and of the VolumeSnapshotClass.
	Class = "directory"
	// Directory is the attribute of a PersistentVolume that says which directory of this machine it is.
	Directory = "directory"

	// The programs beside a cluster, in the order in which they start.

	// DriverProgram serves the driver, and makes volumes.
	DriverProgram = "csi-directory"
	// Controller is the snapshot-controller.
	Controller = "snapshot-controller"
	// Sidecar is the csi-snapshotter, which calls the driver.
	Sidecar = "csi-snapshotter"
)

const (
	module       = "github.com/kubernetes-csi/external-snapshotter/v8"
	clientModule = "github.com/kubernetes-csi/external-snapshotter/client/v8"
	crds         = "snapshot-crds"
	group        = "snapshot.storage.k8s.io"
	// groups of snapshots are not for a driver that has none; without its types the controller would wait for them.
	noGroups = "--feature-gates=CSIVolumeGroupSnapshot=false"
	// soon is how long at most what failed waits to be tried again; five minutes otherwise.
	soon = "--retry-interval-max=5s"
)

// Addon is volumes with snapshots.
type Addon struct{}

// Name is "snapshots".
func (Addon) Name() string { return "snapshots" }

// Programs are the driver, which is ours, and what calls it.
func (Addon) Programs(root string) ([]stack.Program, error) {
	s, err := stack.Load(root, "snapshots")
	if err != nil {
		return nil, err
	}
	v, err := s.Version(module)
	if err != nil {
		return nil, err
	}
	types, err := s.Version(clientModule)
	if err != nil {
		return nil, err
	}
	return []stack.Program{
		{Name: DriverProgram, Package: ".", Stack: s},
		{Name: Controller, Package: module + "/cmd/" + Controller, Stack: s, Version: v},
		{Name: Sidecar, Package: module + "/cmd/" + Sidecar, Stack: s, Version: v},
		{Name: crds, Package: clientModule, Stack: s, Version: types, Folder: filepath.Join("config", "crd")},
	}, nil
}

// Start runs them beside each cluster, and returns when all types are served. The directories are below the first cluster's: the clusters
// share them, as they would a storage system, so that what one has a snapshot of can be made a volume of in another.
func (Addon) Start(ctx context.Context, host addon.Host) error {
	definitions, err := definitions(host.Programs[crds])
	if err != nil {
		return err
	}
	root := filepath.Join(host.Clusters[0].Dir, "storage")
	return addon.Each(host.Clusters, func(c *cluster.Cluster) error {
		if err := addon.Create(ctx, c, definitions); err != nil {
			return err
		}
		if err := addon.Established(ctx, c); err != nil {
			return err
		}
		if err := addon.Create(ctx, c, objects()); err != nil {
			return err
		}
		return run(c, host.Programs, root)
	})
}

// definitions are the types of snapshots, without those of groups.
func definitions(folder string) ([]unstructured.Unstructured, error) {
	all, err := addon.DecodeFolder(folder)
	if err != nil {
		return nil, err
	}
	var some []unstructured.Unstructured
	for _, o := range all {
		if o.GetKind() == "CustomResourceDefinition" && strings.HasSuffix(o.GetName(), "."+group) && !strings.Contains(o.GetName(), ".group") {
			some = append(some, o)
		}
	}
	return some, nil
}

// objects are what makes volumes of the driver the default, and has Velero take snapshots of them.
func objects() []unstructured.Unstructured {
	return []unstructured.Unstructured{
		addon.Object("storage.k8s.io/v1", "CSIDriver", "", Driver, map[string]any{"spec": map[string]any{"attachRequired": false}}),
		addon.Object("storage.k8s.io/v1", "StorageClass", "", Class, map[string]any{
			"metadata":    map[string]any{"annotations": map[string]any{"storageclass.kubernetes.io/is-default-class": "true"}},
			"provisioner": Driver, "volumeBindingMode": string(storagev1.VolumeBindingImmediate),
		}),
		addon.Object(group+"/v1", "VolumeSnapshotClass", "", Class, map[string]any{
			"metadata": map[string]any{"labels": map[string]any{"velero.io/csi-volumesnapshot-class": "true"}},
			"driver":   Driver, "deletionPolicy": "Delete",
		}),
	}
}

// again starts a program again when it has failed, as a kubelet does.
const again = `until "$@"; do sleep 1; done`

// run starts the programs of a cluster. The csi-snapshotter ends at the first call after the driver has ended, also when there is a new one.
func run(c *cluster.Cluster, programs map[string]string, root string) error {
	socket := filepath.Join(c.Dir, "csi.sock")
	for _, p := range []struct {
		name string
		args []string
	}{
		{DriverProgram, []string{"--socket=" + socket, "--root=" + root}},
		{Controller, []string{noGroups, soon, "--kube-api-qps=100", "--kube-api-burst=200"}},
		{Sidecar, []string{noGroups, soon, "--csi-address=" + socket, "--kube-api-qps=100", "--kube-api-burst=200"}},
	} {
		kubeconfig, err := c.IssueClient(p.name, "system:masters")
		if err != nil {
			return err
		}
		args := append([]string{"-c", again, p.name, programs[p.name], "--kubeconfig=" + kubeconfig}, p.args...)
		if _, err := c.Run(p.name, "/bin/sh", args, nil); err != nil {
			return err
		}
	}
	return nil
}
