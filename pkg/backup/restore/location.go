package restore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// syncLook is between looks whether Velero has seen a backup.
const syncLook = 2 * time.Second

// backup makes sure that Velero in the target has the backup of a member: from where
// the member has put it, and whole.
func (l *look) backup(ctx context.Context, part *v1alpha1.RestoreMember) error {
	server := serverOf(l.member, part)
	location, err := l.location(ctx, part)
	if err != nil || location == "" || l.upcoming {
		return err
	}
	backup, err := server.Backup(ctx, part.Backup)
	if member.IsObjectNotFound(err) {
		if part.SourceUID == l.UID {
			l.refuse("backup", "", "Backup %s is gone", part.Backup)
			return nil
		}
		l.observer.Waits(l.cluster, fmt.Sprintf("Velero to see Backup %s at location %s, where it looks once a minute", part.Backup, location))
		backup, err = l.synced(ctx, part)
	}
	switch {
	case errors.Is(err, errNotSynced):
		l.refuse("backup", "look at the location: kubectl -n "+part.VeleroNamespace+" get backupstoragelocations", "Velero has not seen Backup %s within %s", part.Backup, l.patience)
		return nil
	case err != nil:
		return err
	}
	if backup.Spec.StorageLocation != location {
		l.refuse("backup", "", "Backup %s is there, but at location %s: another one of the same name", part.Backup, backup.Spec.StorageLocation)
	}
	if p := backup.Status.Phase; p != velerov1.BackupPhaseCompleted {
		l.refuse("backup", "", "Backup %s is %s", part.Backup, p)
	}
	return nil
}

var errNotSynced = errors.New("not synced")

// synced waits for a backup.
func (l *look) synced(ctx context.Context, part *v1alpha1.RestoreMember) (*velerov1.Backup, error) {
	server := serverOf(l.member, part)
	for began := time.Now(); time.Since(began) < l.patience; {
		if err := pause(ctx, syncLook); err != nil {
			return nil, err
		}
		backup, err := server.Backup(ctx, part.Backup)
		if err == nil || !member.IsObjectNotFound(err) && !member.IsAway(err) {
			return backup, err
		}
	}
	return nil, errNotSynced
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// location is the BackupStorageLocation of the target that is where a member has put
// its backup; empty, and a refusal, if there is none that is available.
func (l *look) location(ctx context.Context, part *v1alpha1.RestoreMember) (string, error) {
	all, err := serverOf(l.member, part).Locations(ctx)
	if err != nil {
		return "", err
	}
	var away *velerov1.BackupStorageLocation
	for _, at := range all {
		switch {
		case !isAt(at, part.Location):
		case at.Status.Phase == velerov1.BackupStorageLocationPhaseAvailable:
			return at.Name, nil
		default:
			away = at
		}
	}
	if away != nil {
		l.refuse("location", "see its status, and Velero's log", "BackupStorageLocation %s, which has the backup of %s, is not available%s", away.Name, part.Source, colon(away.Status.Message))
		return "", nil
	}
	l.refuse("location", readOnlyLocation(part), "no BackupStorageLocation is at %s, where the backup of %s is", part.Location, part.Source)
	return "", nil
}

// isAt is true for a location that is where the manifest says.
func isAt(l *velerov1.BackupStorageLocation, where v1alpha1.StorageLocation) bool {
	is := velero.Place(l)
	return is.Bucket == where.Bucket && is.Prefix == strings.Trim(where.Prefix, "/") && provider(is.Provider) == provider(where.Provider)
}

// provider is a plugin's name without the group that it may be written with.
func provider(name string) string { return strings.TrimPrefix(name, "velero.io/") }

// readOnlyLocation is the manifest of a location that reads a member's backups, without
// credentials.
func readOnlyLocation(part *v1alpha1.RestoreMember) string {
	return strings.Join([]string{
		"apply this, with the config and the credential of the source's own location; Velero writes below restores/ there:",
		"apiVersion: velero.io/v1",
		"kind: BackupStorageLocation",
		fmt.Sprintf("metadata: {name: %s, namespace: %s}", part.Source, part.VeleroNamespace),
		"spec:",
		fmt.Sprintf("  provider: %s", part.Location.Provider),
		"  accessMode: ReadOnly",
		fmt.Sprintf("  objectStorage: {bucket: %s, prefix: %q}", part.Location.Bucket, part.Location.Prefix),
	}, "\n")
}
