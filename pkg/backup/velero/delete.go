package velero

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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

// What Velero says of a Backup that is gone already, and of one that it thinks it works
// on: where its finalizer is quicker than what comes before, it thinks so for ever.
const (
	notFound   = "backup not found"
	inProgress = "backup is still in progress"
	// tries are how often it is believed to see that it has ended.
	tries = 3
)

// Delete has Velero delete a Backup with its snapshots and what the store has of it, when
// it has ended, and waits until it is gone. One that is gone already is no error; one that cannot be
// deleted is an *UndeletedError. When ctx ends the request stands, and Velero goes on.
func (s Server) Delete(ctx context.Context, b *velerov1.Backup) error {
	if IsWaiting(b.Status.Phase) {
		// There is nothing of it yet, which Velero cannot delete.
		err := s.Member.Delete(ctx, backups(), s.Namespace, b.Name, b.UID, member.WriteOptions{Version: b.ResourceVersion})
		if !apierrors.IsConflict(err) {
			return gone(err)
		}
	}
	if !IsTerminal(b.Status.Phase) { // until then Velero refuses
		_, err := s.AwaitBackup(ctx, b.Name, func(b *velerov1.Backup) bool { return IsTerminal(b.Status.Phase) }, nil)
		if isGone(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	for try := 1; ; try++ {
		errs, err := s.delete(ctx, b)
		switch {
		case err != nil:
			return err
		case len(errs) == 0:
			return s.awaitGone(ctx, b.Name)
		case len(errs) == 1 && strings.HasSuffix(errs[0], notFound):
			return nil
		case !strings.HasSuffix(errs[0], inProgress):
			return &UndeletedError{b.Name, errs}
		case try == tries:
			return &UndeletedError{b.Name, append(errs, "it has ended, and Velero will only see that when it is restarted")}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lastPause):
		}
	}
}

// delete asks Velero once to delete a Backup, and returns what it says to that.
func (s Server) delete(ctx context.Context, b *velerov1.Backup) (errs []string, err error) {
	request, err := create(ctx, s, deleteBackupRequests(), &velerov1.DeleteBackupRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: b.Name + "-", Labels: map[string]string{
			velerov1.BackupNameLabel: LabelValue(b.Name), velerov1.BackupUIDLabel: string(b.UID),
		}},
		Spec: velerov1.DeleteBackupRequestSpec{BackupName: b.Name},
	})
	if err != nil {
		return nil, err
	}
	answered, err := await(ctx, s, deleteBackupRequests(), request.Name, func(r *velerov1.DeleteBackupRequest) bool {
		return r.Status.Phase == velerov1.DeleteBackupRequestPhaseProcessed
	}, nil)
	if isGone(err) { // it goes with the Backup, or because somebody else asks for the same
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return answered.Status.Errors, nil
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
