package direct

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// Action is what happens to one object.
type Action string

// The actions.
const (
	ActionCreate Action = "Create"
	// ActionUpdate: it is there, and something of it changes.
	ActionUpdate Action = "Update"
	// ActionApply: it is there; nobody asked the server what would change.
	ActionApply     Action = "Apply"
	ActionUnchanged Action = "Unchanged"
	// ActionReschedule: it is as it is to be on a control plane, which is to decide anew
	// where it goes.
	ActionReschedule Action = "Reschedule"
	// ActionDelete: it is of the set, and is no longer wanted.
	ActionDelete Action = "Delete"
	// ActionRelease: it is no longer wanted, and was there before the set: what the
	// set put into it is taken out.
	ActionRelease Action = "Release"
	// ActionKeep: it is no longer wanted, and is left.
	ActionKeep Action = "Keep"
)

// Writes is true for the actions by which something becomes otherwise.
func (a Action) Writes() bool { return a != ActionUnchanged && a != ActionKeep }

// Change is what happens to one object of one cluster.
type Change struct {
	Action   Action
	Resource member.Resource
	// Object is what is applied; for what is no longer wanted, its name alone.
	Object manifest.Object
	// Fields are what changes in what is there: Reference before, Value after.
	Fields []v1alpha1.Difference
	// Why says more, for what is not plain.
	Why string
	// Untried: no server could try it, since what it needs is only planned.
	Untried bool

	live  *unstructured.Unstructured // nil: it is not there
	after *unstructured.Unstructured // what a write made of it; nil before
	force bool
	taken *unstructured.Unstructured
	// labelOnly releases by taking the set's label away, and nothing else: what is
	// protected stays whole.
	labelOnly bool
}

// Found is a change, yet without an action, of an object that a cluster has.
func Found(resource member.Resource, o manifest.Object, live *unstructured.Unstructured) *Change {
	return &Change{Resource: resource, Object: o, live: live}
}

// Became notes what a write made of the object.
func (c *Change) Became(after *unstructured.Unstructured) { c.after = after }

// State is the object as the cluster was known to have it last, and whether that
// is what a write made of it.
func (c *Change) State() (o *unstructured.Unstructured, written bool) {
	if c.after != nil {
		return c.after, true
	}
	return c.live, false
}

// Drops is true for what the set has no longer afterwards.
func (c *Change) Drops() bool { return c.Action == ActionDelete || c.Action == ActionRelease }

// GivesBack is true for what was there before the set, and is as it was then.
func (c *Change) GivesBack() bool { return c.Action == ActionRelease && !c.labelOnly }

// Left are the objects that the set has no longer after the plan, and that stay, in
// words.
func (p *Plan) Left() []string {
	var left []string
	for _, c := range p.Changes {
		if c.Action == ActionKeep {
			left = append(left, c.ref().String())
		}
	}
	return left
}

func (c *Change) ref() set.Ref { return set.RefOf(c.Object.Unstructured) }

// ObjectError is why one object cannot be applied.
type ObjectError struct {
	Object manifest.Object
	Err    error
}

// RefusedError is a cluster to which a set cannot be brought as it is.
type RefusedError struct{ Problems []ObjectError }

func (e *RefusedError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		at := ""
		if origin := p.Object.Origin.String(); origin != "" {
			at = origin + ": "
		}
		lines[i] = fmt.Sprintf("%s%s: %v", at, p.Object.What(), p.Err)
	}
	return strings.Join(lines, "\n")
}

// Unwrap has the problems' errors.
func (e *RefusedError) Unwrap() []error {
	errs := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		errs[i] = p.Err
	}
	return errs
}

// Reason classifies the failure.
func (*RefusedError) Reason() member.Reason { return member.ReasonRefused }
