// Package remove has the ways in which a node goes: what is told to whom, so that
// exactly that node leaves for good, and nobody puts another in its place.
package remove

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Remover is a way in which nodes are removed. It acts on the topmost owner, since
// whatever is below that would be put back.
type Remover interface {
	// Name is how --remove-with and journals call it.
	Name() string
	// Claim finds the owners of those nodes that are this remover's. Of other nodes it
	// says nothing. Nothing is written.
	Claim(ctx context.Context, nodes []*corev1.Node) (Claims, error)
	// Begin makes the steps by which nodes that it has claimed go, one for each owner,
	// from the owners as they are now. Nothing is written. An error is a reason why
	// none of them may go now.
	Begin(ctx context.Context, nodes []Node) ([]*Step, error)
	// Remove does a step that a journal has, and returns when its owner knows. From its
	// first write nothing can be undone. What was done of it before is found and not
	// done again: a count is never lowered twice. Data that it adds to the step is
	// kept.
	Remove(ctx context.Context, step *Step) error
	// Confirm looks how far a step has come that Remove has done.
	Confirm(ctx context.Context, step *Step) (Progress, error)
}

// Node is a node that goes.
type Node struct {
	Name       string    `json:"name"`
	UID        types.UID `json:"uid"`
	ProviderID string    `json:"providerID,omitempty"`
	Zone       string    `json:"zone,omitempty"`
	// Group is the pool of the node, as its labels have it.
	Group string `json:"group,omitempty"`
	// Object is what stands for the node on the side of its owner, such as a Machine
	// as NAMESPACE/NAME, and ObjectUID its UID.
	Object    string    `json:"object,omitempty"`
	ObjectUID types.UID `json:"objectUID,omitempty"`
}

// Claims are what a remover says of nodes, by their names.
type Claims struct {
	Owners map[string]v1alpha1.NodeOwner
	// Blocked are nodes that are the remover's, and that it cannot remove now.
	Blocked map[string]v1alpha1.Blocker
	// Spare is how many nodes an owner can lose before it is at its minimum, by the
	// owner's UID; an owner without a minimum is absent.
	Spare map[types.UID]int64
}

// Step is what is told to one owner. It is kept in the journal before it is done.
type Step struct {
	// Run is the run that does it, for programs that want to know a repetition.
	Run     string             `json:"run"`
	Remover string             `json:"remover"`
	Owner   v1alpha1.NodeOwner `json:"owner"`
	// ResourceVersion is the owner's, when the step was begun.
	ResourceVersion string `json:"resourceVersion,omitempty"`
	// From and To are the owner's count before and after; both 0 where it has none.
	From  int64  `json:"from,omitempty"`
	To    int64  `json:"to,omitempty"`
	Nodes []Node `json:"nodes"`
	// Marks are objects that the step has written on beside its owner, such as Machines
	// that got an annotation.
	Marks []string `json:"marks,omitempty"`
	// Done: Remove has returned without an error.
	Done bool `json:"done,omitempty"`
}

// Progress is how far a step has come.
type Progress struct {
	// Gone: every node of the step is gone, and the owner has its new count.
	Gone bool
	// Waiting says what is waited for, in words of the owner where it has some.
	Waiting string
}

// WrongError is a removal that went otherwise than it was asked for: another
// machine goes, or somebody put a new one in its place. A person must look at it.
type WrongError struct{ Err error }

func (e *WrongError) Error() string { return e.Err.Error() }

func (e *WrongError) Unwrap() error { return e.Err }

// Reason classifies the failure.
func (*WrongError) Reason() member.Reason { return member.ReasonUnhealthy }

// ChangedError is an owner that is no longer as it was when the step was begun.
// Nothing was written.
type ChangedError struct {
	Owner v1alpha1.NodeOwner
	What  string
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s %s/%s: %s: somebody else has changed it", e.Owner.Kind, e.Owner.Namespace, e.Owner.Name, e.What)
}

// Reason classifies the failure.
func (*ChangedError) Reason() member.Reason { return member.ReasonRefused }
