package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Verify looks at what is left of a set in its own clusters: whether each backup is
// there, as the manifest has it, and can be read.
func Verify(ctx context.Context, f Fleet, e *v1alpha1.BackupExecution, now time.Time) fanout.Results[*v1alpha1.BackupCheck] {
	return each(ctx, f, func(ctx context.Context, c inventory.Cluster, m *member.Member) (*v1alpha1.BackupCheck, error) {
		for i := range e.Status.Members {
			if is := &e.Status.Members[i]; is.Cluster == c.Name {
				v := verifier{member: m, is: is, now: now, check: &v1alpha1.BackupCheck{
					TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BackupCheckKind},
					ObjectMeta: metav1.ObjectMeta{Name: e.Name, Annotations: map[string]string{v1alpha1.ClusterAnnotation: c.Name}},
					Backup:     is.Backup.Name, Location: is.Location.Name,
				}}
				switch {
				case e.Status.Phase != v1alpha1.BackupSealed:
					v.problem("the run is %s: it is no set before it is sealed", e.Status.Phase)
				case e.Status.Grade == v1alpha1.GradeTorn:
					v.problem("the set is torn: %s", strings.Join(e.Status.Why, "; "))
				}
				return v.check, v.all(ctx)
			}
		}
		return nil, fmt.Errorf("it is no member of %s", e.Name)
	})
}

// verifier looks at one member of a set.
type verifier struct {
	member *member.Member
	is     *v1alpha1.MemberExecution
	now    time.Time
	check  *v1alpha1.BackupCheck
}

func (v *verifier) problem(format string, args ...any) {
	v.check.Problems = append(v.check.Problems, fmt.Sprintf(format, args...))
}

func (v *verifier) all(ctx context.Context) error {
	if v.is.Missing != "" {
		v.problem("it never was in the set: %s", v.is.Missing)
		return nil
	}
	identity, err := v.member.Identity(ctx)
	if err != nil {
		return err
	}
	if types.UID(identity.UID) != v.is.UID {
		v.problem("it is another cluster than the one that was backed up")
	}
	server := velero.Server{Member: v.member, Namespace: v.is.VeleroNamespace}
	backup, err := server.Backup(ctx, v.is.Backup.Name)
	switch {
	case member.IsObjectNotFound(err):
		v.problem("the Backup is gone")
	case err != nil:
		return err
	default:
		v.backup(backup)
	}
	is, err := v.location(ctx, server)
	if err != nil || !is || backup == nil {
		return err
	}
	return v.store(ctx, server)
}

// backup compares a Backup with the manifest.
func (v *verifier) backup(b *velerov1.Backup) {
	v.check.Phase, v.check.Location = string(b.Status.Phase), b.Spec.StorageLocation
	if p := b.Status.Progress; p != nil {
		v.check.Items = p.ItemsBackedUp
	}
	if b.Status.Expiration != nil {
		v.check.Expires = v.is.Expires(*b.Status.Expiration)
	}
	if b.Status.Phase != velerov1.BackupPhaseCompleted {
		v.problem("the Backup is %s", b.Status.Phase)
	}
	if v.is.Backup.Items > 0 && v.check.Items != v.is.Backup.Items {
		v.problem("the Backup has %d items, and the manifest says %d", v.check.Items, v.is.Backup.Items)
	}
	if b.Status.Errors > v.is.Backup.Errors {
		v.problem("the Backup has %d errors", b.Status.Errors)
	}
	if !v.check.Expires.IsZero() && !v.check.Expires.After(v.now) {
		v.problem("it expired at %s", v.check.Expires.UTC().Format(time.RFC3339))
	}
}

// location is false where Velero cannot reach the backup.
func (v *verifier) location(ctx context.Context, server velero.Server) (bool, error) {
	at, err := server.Location(ctx, v.check.Location)
	if _, is := errors.AsType[*velero.NoLocationError](err); is {
		v.problem("%v", err)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if v.is.Location.Bucket != "" && !isAt(at, v.is.Location) {
		v.problem("BackupStorageLocation %s is at %s by now, and was at %s", at.Name, velero.Place(at), v.is.Location)
	}
	if at.Status.Phase != velerov1.BackupStorageLocationPhaseAvailable {
		v.problem("BackupStorageLocation %s is not available%s", at.Name, colon(at.Status.Message))
		return false, nil
	}
	return true, nil
}

// store reads the smallest of what the store has of the backup.
func (v *verifier) store(ctx context.Context, server velero.Server) error {
	body, err := server.Artifact(ctx, velerov1.DownloadTargetKindBackupResourceList, v.is.Backup.Name)
	if err == nil {
		_, err = io.Copy(io.Discard, body)
		_ = body.Close()
	}
	_, away := errors.AsType[*velero.StoreError](err)
	switch {
	case errors.Is(err, velero.ErrNoArtifact):
		v.problem("the store has nothing of it any more")
	case away:
		v.check.Unknown = append(v.check.Unknown, strings.TrimSpace(err.Error()))
	case err != nil:
		return err
	}
	return nil
}
