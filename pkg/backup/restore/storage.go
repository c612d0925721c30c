package restore

import (
	"cmp"
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// storage is what a target has for volumes.
type storage struct{ classes, drivers map[string]bool }

func storageOf(ctx context.Context, m *member.Member) (storage, error) {
	classes, err := names(ctx, m, storageResource("storageclasses", "StorageClass"), "")
	if err != nil {
		return storage{}, err
	}
	drivers, err := names(ctx, m, storageResource("csidrivers", "CSIDriver"), "")
	return storage{classes: classes, drivers: drivers}, err
}

// portable refuses where a volume cannot be made in the target.
func (l *look) portable(part *v1alpha1.RestoreMember, has storage) {
	classes, drivers := map[string]bool{}, map[string]bool{}
	var elsewhere, files int
	for _, v := range part.Volumes {
		if v.Skipped != "" || v.Method == velero.ByNone {
			l.warn("volume", "the backup of %s has no data of PersistentVolumeClaim %s/%s%s", part.Source, v.Namespace, v.Claim, colon(v.Skipped))
			continue
		}
		class := cmp.Or(l.plan.Spec.StorageClassMappings[v.StorageClass], v.StorageClass)
		if class != "" && !has.classes[class] && !classes[class] {
			classes[class] = true
			l.refuse("StorageClass", fmt.Sprintf("--storage-class-mappings %s:NAME, or make one of that name", v.StorageClass), "there is no StorageClass %s, which PersistentVolumeClaim %s/%s needs", class, v.Namespace, v.Claim)
		}
		switch {
		case v.Method == velero.ByFileSystem:
			files++
		case v.Method == velero.ByCSI && !v.Moved:
			if !has.drivers[v.Driver] && !drivers[v.Driver] {
				drivers[v.Driver] = true
				l.refuse("CSI driver", "install it, or back up with snapshotMoveData", "there is no CSI driver %s, whose snapshots the backup of %s has", v.Driver, part.Source)
			}
			if part.SourceUID != l.UID {
				elsewhere++
			}
		}
	}
	if elsewhere > 0 {
		l.warn("volume", "%d volumes of %s are snapshots at its storage: the target must have the same one, in the same region and account", elsewhere, part.Source)
	}
	if files > 0 {
		l.warn("volume", "%d volumes of %s are file-system backups: the target needs Velero's node-agent", files, part.Source)
	}
}

// names are the names of the objects of a type in a namespace. A type that is not
// there has none.
func names(ctx context.Context, m *member.Member, r member.Resource, namespace string) (map[string]bool, error) {
	found := map[string]bool{}
	for page, err := range m.Metadata(ctx, member.ListRequest{Resource: r, Namespace: namespace, Limit: 500}) {
		if member.ReasonOf(err) == member.ReasonNotFound {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range page {
			found[page[i].Name] = true
		}
	}
	return found, nil
}

func storageResource(resource, kind string) member.Resource {
	return member.Resource{GroupVersionResource: schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: resource}, Kind: kind}
}

func coreResource(resource, kind string, namespaced bool) member.Resource {
	return member.Resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: resource}, Kind: kind, Namespaced: namespaced}
}
