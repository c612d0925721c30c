package velero

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// ourPrefix is that of labels of ours.
const ourPrefix = "kubectl-fleet.io/"

func backups() member.Resource { return resource("backups", "Backup") }

// TakenError is a Backup's name that somebody else has taken.
type TakenError struct{ Name string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("there is a Backup %s already, and it is not of this run", e.Name)
}

// Reason classifies the failure.
func (*TakenError) Reason() member.Reason { return member.ReasonRefused }

// CreateBackup asks for a Backup, in one attempt. If there is one of its name that has
// the labels of ours that b has, it is that: an answer that was lost may have been a
// yes. One without them is a *TakenError.
func (s Server) CreateBackup(ctx context.Context, b *velerov1.Backup) (*velerov1.Backup, error) {
	made, err := create(ctx, s, backups(), b)
	if !apierrors.IsAlreadyExists(err) {
		return made, err
	}
	there, err := s.Backup(ctx, b.Name)
	if err != nil {
		return nil, err
	}
	ours := false
	for label, value := range b.Labels {
		if strings.HasPrefix(label, ourPrefix) {
			if there.Labels[label] != value {
				return nil, &TakenError{b.Name}
			}
			ours = true
		}
	}
	if !ours {
		return nil, &TakenError{b.Name}
	}
	return there, nil
}

// Backup reads a Backup. One that does not exist is an error that
// member.IsObjectNotFound knows.
func (s Server) Backup(ctx context.Context, name string) (*velerov1.Backup, error) {
	return read[velerov1.Backup](ctx, s, backups(), name)
}

// Backups reads the Backups that a label selector finds; empty: all.
func (s Server) Backups(ctx context.Context, selector string) ([]*velerov1.Backup, error) {
	return list[velerov1.Backup](ctx, s, backups(), selector)
}

// AwaitBackup follows a Backup until done is true of it, and returns it as it is then.
// each, if not nil, hears of every state that is seen. A cluster that does not answer is
// tried again until ctx ends: then it is the last state that was seen, nil if none was,
// and the cause. One that is deleted is a *GoneError.
func (s Server) AwaitBackup(ctx context.Context, name string, done func(*velerov1.Backup) bool, each func(*velerov1.Backup)) (*velerov1.Backup, error) {
	return await(ctx, s, backups(), name, done, each)
}

// LabelValue is what Velero labels with for a name: a long one is cut, and ends with a
// part of its hash.
func LabelValue(name string) string {
	const tail = 6
	if len(name) <= validation.DNS1035LabelMaxLength {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:validation.DNS1035LabelMaxLength-tail] + hex.EncodeToString(sum[:])[:tail]
}
