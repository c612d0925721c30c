package velero

import (
	"context"
	"fmt"
	"slices"
	"strings"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

func locations() member.Resource {
	return resource("backupstoragelocations", "BackupStorageLocation")
}

// defaultLocation is the name of the location that is meant where none is marked.
const defaultLocation = "default"

// NoLocationError is a BackupStorageLocation that is not there.
type NoLocationError struct {
	// Name is that of the location, empty for the default one.
	Name string
	// Others are those that are there.
	Others []string
}

func (e *NoLocationError) Error() string {
	what := "no BackupStorageLocation " + e.Name
	if e.Name == "" {
		what = "no default BackupStorageLocation"
	}
	if len(e.Others) == 0 {
		return "Velero has " + what
	}
	return fmt.Sprintf("Velero has %s; it has %s", what, strings.Join(e.Others, ", "))
}

// Reason classifies the failure.
func (*NoLocationError) Reason() member.Reason { return member.ReasonNotFound }

// Locations reads all BackupStorageLocations.
func (s Server) Locations(ctx context.Context) ([]*velerov1.BackupStorageLocation, error) {
	return list[velerov1.BackupStorageLocation](ctx, s, locations(), "")
}

// Location reads the BackupStorageLocation of a name; empty: the one that a Backup which
// names none is written to. One that is not there is a *NoLocationError.
func (s Server) Location(ctx context.Context, name string) (*velerov1.BackupStorageLocation, error) {
	all, err := s.Locations(ctx)
	if err != nil {
		return nil, err
	}
	is := func(l *velerov1.BackupStorageLocation) bool { return l.Name == name }
	if name == "" {
		is = func(l *velerov1.BackupStorageLocation) bool { return l.Spec.Default }
		if !slices.ContainsFunc(all, is) {
			is = func(l *velerov1.BackupStorageLocation) bool { return l.Name == defaultLocation }
		}
	}
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], nil
	}
	missing := &NoLocationError{Name: name}
	for _, l := range all {
		missing.Others = append(missing.Others, l.Name)
	}
	return nil, missing
}

// Elsewhere are the other namespaces of the cluster that have a location, and so a Velero,
// as far as one may know.
func (s Server) Elsewhere(ctx context.Context) []string {
	var found []string
	for page, err := range s.Member.Metadata(ctx, member.ListRequest{Resource: locations(), Limit: pageSize}) {
		if err != nil {
			return found
		}
		for i := range page {
			if name := page[i].Namespace; name != s.Namespace && !slices.Contains(found, name) {
				found = append(found, name)
			}
		}
	}
	return found
}

// Place is where a location is, as records have it.
func Place(l *velerov1.BackupStorageLocation) v1alpha1.StorageLocation {
	place := v1alpha1.StorageLocation{Name: l.Name, Provider: l.Spec.Provider}
	if store := l.Spec.ObjectStorage; store != nil {
		place.Bucket, place.Prefix = store.Bucket, strings.Trim(store.Prefix, "/")
	}
	return place
}

// SnapshotLocations counts the places that Velero's own plugins keep snapshots in.
func (s Server) SnapshotLocations(ctx context.Context) (int, error) {
	all, err := list[velerov1.VolumeSnapshotLocation](ctx, s, resource("volumesnapshotlocations", "VolumeSnapshotLocation"), "")
	return len(all), err
}
