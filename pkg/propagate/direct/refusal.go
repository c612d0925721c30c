package direct

import (
	"cmp"
	"fmt"
	"sort"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

func (p *planner) refuse(o manifest.Object, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, ObjectError{o, err})
}

// verdict is the refusal, in the order of the input.
func (p *planner) verdict() error {
	if len(p.problems) == 0 {
		return nil
	}
	sort.SliceStable(p.problems, func(i, j int) bool {
		a, b := p.problems[i].Object.Origin, p.problems[j].Object.Origin
		return cmp.Or(strings.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line)) < 0
	})
	return &RefusedError{Problems: p.problems}
}

// isRefusal tells what the user can mend in the objects, or by a flag, from a
// cluster that does not work.
func isRefusal(err error) bool {
	if err == nil {
		return false
	}
	if isMistyped(err) {
		return true
	}
	switch member.ReasonOf(err) {
	case member.ReasonRefused, member.ReasonInvalid, member.ReasonForbidden, member.ReasonNotFound, member.ReasonNotInstalled:
		return true
	default:
		return false
	}
}

// isMistyped is true for an object that has a field that its type does not have,
// or a value of another type than the field's. For that the API server has the
// code of its own defects, 500.
func isMistyped(err error) bool {
	return apierrors.IsInternalError(err) && strings.Contains(err.Error(), "failed to create typed patch object")
}

func refused(format string, args ...any) error {
	return &member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf(format, args...)}
}
