package velero

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// RestoreName is the label that ties what Velero restores to its Restore.
const RestoreName = velerov1.RestoreNameLabel

func restores() member.Resource { return resource("restores", "Restore") }

// CreateRestore asks for a Restore, in one attempt. If there is one of its name that has
// all of its labels, it is that: an answer that was lost may have been a yes.
func (s Server) CreateRestore(ctx context.Context, r *velerov1.Restore) (*velerov1.Restore, error) {
	made, err := create(ctx, s, restores(), r)
	if !apierrors.IsAlreadyExists(err) {
		return made, err
	}
	there, err := s.Restore(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	for label, value := range r.Labels {
		if there.Labels[label] != value {
			return nil, &member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf("there is a Restore %s already, and it is not of this run", r.Name)}
		}
	}
	return there, nil
}

// Restore reads a Restore. One that does not exist is an error that
// member.IsObjectNotFound knows.
func (s Server) Restore(ctx context.Context, name string) (*velerov1.Restore, error) {
	return read[velerov1.Restore](ctx, s, restores(), name)
}

// Restores reads the Restores that a label selector finds; empty: all.
func (s Server) Restores(ctx context.Context, selector string) ([]*velerov1.Restore, error) {
	return list[velerov1.Restore](ctx, s, restores(), selector)
}

// AwaitRestore follows a Restore until done is true of it, as AwaitBackup does.
func (s Server) AwaitRestore(ctx context.Context, name string, done func(*velerov1.Restore) bool, each func(*velerov1.Restore)) (*velerov1.Restore, error) {
	return await(ctx, s, restores(), name, done, each)
}

// DeleteRestore deletes a Restore, and what Velero keeps of it beside the backup. What
// was restored stays.
func (s Server) DeleteRestore(ctx context.Context, name string, uid types.UID) error {
	err := s.Member.Delete(ctx, restores(), s.Namespace, name, uid, member.WriteOptions{})
	if member.IsObjectNotFound(err) {
		return nil
	}
	return err
}

// IsRestoreTerminal is true for the phases that a Restore ends in. One that is not known
// is taken for one of work.
func IsRestoreTerminal(p velerov1.RestorePhase) bool {
	switch p { //nolint:exhaustive // and who knows which to come
	case velerov1.RestorePhaseCompleted, velerov1.RestorePhasePartiallyFailed, velerov1.RestorePhaseFailed, velerov1.RestorePhaseFailedValidation:
		return true
	}
	return false
}

// maxResults bounds what is read of a Restore's results, in bytes.
const maxResults = 4 << 20

// restoreResults are what a Restore has to say, as Velero keeps it in the object store. The
// cluster has the counts alone.
type restoreResults struct {
	Errors   restoreTexts `json:"errors"`
	Warnings restoreTexts `json:"warnings"`
}

type restoreTexts struct {
	Velero  []string `json:"velero"`
	Cluster []string `json:"cluster"`
	// Namespaces are those of the target.
	Namespaces map[string][]string `json:"namespaces"`
}

func (s Server) restoreResults(ctx context.Context, name string) (results restoreResults, err error) {
	body, err := s.Artifact(ctx, velerov1.DownloadTargetKindRestoreResults, name)
	if err != nil {
		return results, err
	}
	defer func() { _ = body.Close() }()
	if err := json.NewDecoder(io.LimitReader(body, maxResults)).Decode(&results); err != nil {
		return results, fmt.Errorf("results of Restore %s: %w", name, err)
	}
	return results, nil
}

// RestoreErrors are the errors of a Restore.
func (s Server) RestoreErrors(ctx context.Context, name string) ([]string, error) {
	results, err := s.restoreResults(ctx, name)
	if err != nil {
		return nil, err
	}
	texts := slices.Concat(results.Errors.Velero, results.Errors.Cluster)
	for _, namespace := range slices.Sorted(maps.Keys(results.Errors.Namespaces)) {
		for _, text := range results.Errors.Namespaces[namespace] {
			texts = append(texts, namespace+": "+text)
		}
	}
	return texts, nil
}

// RestoreWarnings are what a Restore warns of in each namespace: what was there already,
// and is not as it was backed up, is among it.
func (s Server) RestoreWarnings(ctx context.Context, name string) (map[string][]string, error) {
	results, err := s.restoreResults(ctx, name)
	return results.Warnings.Namespaces, err
}
