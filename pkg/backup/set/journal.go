package set

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

const (
	// Label is on the record of a set, on its Backups and on its manifest: the set's name.
	Label = "kubectl-fleet.io/backup-set"
	// PolicyLabel has the name of the policy.
	PolicyLabel = "kubectl-fleet.io/backup-policy"
	// MemberLabel has the name of the cluster, on a Backup.
	MemberLabel = "kubectl-fleet.io/backup-member"

	recordPrefix = "backup."
	formSchema   = 1
)

// kept is what a record holds.
type kept struct {
	Schema    int                      `json:"schema"`
	Execution v1alpha1.BackupExecution `json:"execution"`
}

// Journal is what one cluster remembers of a run.
type Journal struct {
	v1alpha1.BackupExecution

	uid  types.UID // the cluster's
	kept *state.Journal
}

// Begin writes the first of a journal. The record must not exist.
func Begin(ctx context.Context, store state.Store, uid types.UID, e v1alpha1.BackupExecution) (*Journal, error) {
	if err := store.EnsureNamespace(ctx); err != nil {
		return nil, err
	}
	labels := map[string]string{Label: e.Name, PolicyLabel: e.Spec.Policy.Name}
	j := &Journal{BackupExecution: e, uid: uid, kept: store.NewJournal(recordPrefix+e.Name, labels)}
	return j, j.Save(ctx)
}

// Load reads what a cluster remembers of a set; nil if it remembers nothing.
func Load(ctx context.Context, store state.Store, uid types.UID, name string) (*Journal, error) {
	k, err := store.Journal(ctx, recordPrefix+name)
	if err != nil || k == nil {
		return nil, err
	}
	return decoded(k, uid)
}

// LoadAll reads all that a cluster remembers.
func LoadAll(ctx context.Context, store state.Store, uid types.UID) ([]*Journal, error) {
	records, err := store.Journals(ctx, Label)
	if err != nil {
		return nil, err
	}
	journals := make([]*Journal, len(records))
	for i, k := range records {
		if journals[i], err = decoded(k, uid); err != nil {
			return nil, err
		}
	}
	return journals, nil
}

func decoded(k *state.Journal, uid types.UID) (*Journal, error) {
	value := kept{}
	if err := k.Decode(&value); err != nil {
		return nil, err
	}
	if value.Schema > formSchema {
		return nil, fmt.Errorf("secret %s was written by a newer release (schema %d, this one knows %d)", k.Name(), value.Schema, formSchema)
	}
	return &Journal{BackupExecution: value.Execution, uid: uid, kept: k}, nil
}

// Save writes the journal, if nobody else has since it was read (state.ErrChanged).
func (j *Journal) Save(ctx context.Context) error {
	return j.kept.Save(ctx, kept{Schema: formSchema, Execution: j.BackupExecution})
}

// Own is what the journal says of the cluster that it is in; nil if that is none of
// the set's. It is found by its UID: whoever reads it may call it by another name.
func (j *Journal) Own() *v1alpha1.MemberExecution { return MemberOf(&j.BackupExecution, j.uid) }

// MemberOf is what a set says of a cluster; nil if that is none of its members.
func MemberOf(e *v1alpha1.BackupExecution, uid types.UID) *v1alpha1.MemberExecution {
	for i := range e.Status.Members {
		if m := &e.Status.Members[i]; m.UID == uid {
			return m
		}
	}
	return nil
}

// Delete forgets it.
func (j *Journal) Delete(ctx context.Context) error { return j.kept.Delete(ctx) }
