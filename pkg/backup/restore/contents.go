package restore

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

// maxObject bounds one object of a backup, in bytes. An API server takes less.
const maxObject = 8 << 20

// contents yields the objects of a Backup, one after the other as they come: there is
// never more than one in memory. Where its tarball cannot be read, their names alone
// come; onlyNames then says why.
func contents(ctx context.Context, server velero.Server, backup string, onlyNames func(error)) iter.Seq2[*unstructured.Unstructured, error] {
	return func(yield func(*unstructured.Unstructured, error) bool) {
		body, err := server.Artifact(ctx, velerov1.DownloadTargetKindBackupContents, backup)
		if err != nil {
			onlyNames(err)
			listed(ctx, server, backup, yield)
			return
		}
		defer func() { _ = body.Close() }()
		archive := tar.NewReader(body)
		for {
			header, err := archive.Next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, fmt.Errorf("contents of Backup %s: %w", backup, err))
				return
			case !isObject(header.Name):
				continue
			}
			object := &unstructured.Unstructured{}
			text, err := io.ReadAll(io.LimitReader(archive, maxObject+1))
			if err == nil && len(text) > maxObject {
				err = fmt.Errorf("%s has more than %d bytes", header.Name, maxObject)
			}
			if err == nil {
				err = object.UnmarshalJSON(text)
			}
			if err != nil {
				yield(nil, fmt.Errorf("contents of Backup %s: %w", backup, err))
				return
			}
			if !yield(object, nil) {
				return
			}
		}
	}
}

// isObject is true for the file of an object, in the one version that is restored:
// resources/deployments.apps/namespaces/shop/till.json, and no other folder between.
func isObject(path string) bool {
	parts := strings.Split(path, "/")
	if parts[0] != "resources" || !strings.HasSuffix(path, ".json") {
		return false
	}
	return len(parts) == 5 && parts[2] == "namespaces" || len(parts) == 4 && parts[2] == "cluster"
}

// listed yields the names of a Backup's objects: apiVersion, kind and name is all that
// they have.
func listed(ctx context.Context, server velero.Server, backup string, yield func(*unstructured.Unstructured, error) bool) {
	list, err := server.BackupContents(ctx, backup)
	if err != nil {
		yield(nil, err)
		return
	}
	for _, kind := range slices.Sorted(maps.Keys(list)) {
		slash := strings.LastIndex(kind, "/")
		if slash < 0 {
			continue
		}
		for _, name := range list[kind] {
			object := &unstructured.Unstructured{}
			gv, err := schema.ParseGroupVersion(kind[:slash])
			if err != nil {
				continue
			}
			object.SetGroupVersionKind(gv.WithKind(kind[slash+1:]))
			if namespace, rest, is := strings.Cut(name, "/"); is {
				object.SetNamespace(namespace)
				name = rest
			}
			object.SetName(name)
			if !yield(object, nil) {
				return
			}
		}
	}
}
