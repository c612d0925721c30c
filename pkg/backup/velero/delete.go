package velero

import (
	"context"
	"errors"
	"fmt"
	"strings"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

func deleteBackupRequests() member.Resource {
	return resource("deletebackuprequests", "DeleteBackupRequest")
}

// UndeletedError is a Backup that Velero could not delete, or not all of.
type UndeletedError struct {
	Name string
	// Errors are Velero's own words.
	Errors []string
}

func (e *UndeletedError) Error() string {
	return fmt.Sprintf("Velero could not delete Backup %s: %s", e.Name, strings.Join(e.Errors, "; "))
}

// Reason classifies the failure.
func (*UndeletedError) Reason() member.Reason { return member.ReasonRefused }

// notFound is what Velero says of a Backup that is gone already.
const notFound = "backup not found"

// Delete has Velero delete a Backup with its snapshots and what the store has of it, and
// waits until it is gone. One that is gone already is no error; one that cannot be
// deleted is an *UndeletedError. When ctx ends the request stands, and Velero goes on.
func (s Server) Delete(ctx context.Context, b *velerov1.Backup) error {
	if IsWaiting(b.Status.Phase) {
		// There is nothing of it yet, which Velero cannot delete.
		err := s.Member.Delete(ctx, backups(), s.Namespace, b.Name, b.UID, member.WriteOptions{Version: b.ResourceVersion})
		if !apierrors.IsConflict(err) {
			return gone(err)
		}
	}
	request, err := create(ctx, s, deleteBackupRequests(), &velerov1.DeleteBackupRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: b.Name + "-", Labels: map[string]string{
			velerov1.BackupNameLabel: LabelValue(b.Name), velerov1.BackupUIDLabel: string(b.UID),
		}},
		Spec: velerov1.DeleteBackupRequestSpec{BackupName: b.Name},
	})
	if err != nil {
		return err
	}
	answered, err := await(ctx, s, deleteBackupRequests(), request.Name, func(r *velerov1.DeleteBackupRequest) bool {
		return r.Status.Phase == velerov1.DeleteBackupRequestPhaseProcessed
	}, nil)
	switch {
	case isGone(err): // it goes with the Backup, or because somebody else asks for the same
		return s.awaitGone(ctx, b.Name)
	case err != nil:
		return err
	case len(answered.Status.Errors) == 1 && strings.HasSuffix(answered.Status.Errors[0], notFound):
		return nil
	case len(answered.Status.Errors) > 0:
		return &UndeletedError{b.Name, answered.Status.Errors}
	}
	return s.awaitGone(ctx, b.Name)
}

// awaitGone waits until there is no Backup of a name.
func (s Server) awaitGone(ctx context.Context, name string) error {
	_, err := s.AwaitBackup(ctx, name, func(*velerov1.Backup) bool { return false }, nil)
	if isGone(err) {
		return nil
	}
	return err
}

// gone is an error of a deletion, but for that there is nothing to delete.
func gone(err error) error {
	if member.IsObjectNotFound(err) {
		return nil
	}
	return err
}

func isGone(err error) bool {
	_, gone := errors.AsType[*GoneError](err)
	return gone
}
