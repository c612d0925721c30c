package membership

import (
	"context"
	"errors"
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Plan is what a change of a fleet comes to.
type Plan struct {
	Fleet string
	// NewFleet and NewFile: they are made by the change.
	NewFleet, NewFile bool
	// Changes has an entry for every member that the change is about, those that
	// are as they should be included.
	Changes []v1alpha1.MemberChange
}

// Changed counts the members that are not as they should be.
func (p Plan) Changed() int {
	n := 0
	for i := range p.Changes {
		if p.Changes[i].Change != v1alpha1.MemberUnchanged {
			n++
		}
	}
	return n
}

// RefusedError is a safety check that said no. Nothing was changed.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }

func (e *RefusedError) Unwrap() error { return e.Err }

// Reason is the failure's in the output contract.
func (*RefusedError) Reason() member.Reason { return member.ReasonRefused }

// Planner plans a change of a fleet file and makes it in memory.
type Planner func(*FleetFile) (Plan, error)

// Make makes in the fleet file a change that was planned. If somebody else writes
// the file meanwhile, it is planned anew on what the file is then, so that
// neither change is lost, and made if it comes to the same.
func Make(ctx context.Context, path string, planned Plan, change Planner) error {
	const patience = 1000 // conflicts: each is somebody else's success
	for range patience {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		file, err := OpenFleetFile(path)
		if err != nil {
			return err
		}
		plan, err := change(file)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(plan.Changes, planned.Changes) {
			return &ConflictError{Path: file.Path()}
		}
		err = file.Save()
		if _, conflict := errors.AsType[*ConflictError](err); !conflict {
			return err
		}
	}
	return &ConflictError{Path: path}
}

func newChange(fleet, name, change string, before, after *v1alpha1.Member) v1alpha1.MemberChange {
	return v1alpha1.MemberChange{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.MemberChangeKind},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Annotations: map[string]string{v1alpha1.ClusterAnnotation: name},
		},
		Fleet: fleet, Change: change, Before: before, After: after,
	}
}
