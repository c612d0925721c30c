package restore

import (
	"fmt"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// NowhereError is a request that chooses clusters of which none is restored into.
type NowhereError struct {
	Set string
	// Targets are those that the set would be restored into.
	Targets []string
}

func (e *NowhereError) Error() string {
	return fmt.Sprintf("no part of %s is restored into the chosen clusters", e.Set)
}

// narrow leaves out of a plan what goes into clusters that were not chosen, and the own part
// of a chosen one that gets the part of another: who names what goes where asks for that and
// no more, and a cluster that is mapped to itself keeps its own. What stays keeps its turn: who
// depended on what is left out waits for nothing.
func narrow(x *v1alpha1.RestoreExecution, r Request) error {
	if r.Chosen == nil {
		return nil
	}
	given := map[string]bool{} // clusters that get the part of another
	for _, m := range x.Spec.Members {
		if r.Clusters[m.Source] != "" {
			given[r.Chosen(m.Target)] = true
		}
	}
	targets := Targets(x)
	x.Spec.Members = slices.DeleteFunc(x.Spec.Members, func(m v1alpha1.RestoreMember) bool {
		in := r.Chosen(m.Target)
		if in != "" && (r.Clusters[m.Source] != "" || !given[in]) {
			return false
		}
		x.Spec.LeftOut = append(x.Spec.LeftOut, m.Source)
		return true
	})
	slices.Sort(x.Spec.LeftOut)
	if len(x.Spec.Members) == 0 {
		return &NowhereError{Set: x.Spec.Set, Targets: targets}
	}
	return nil
}
