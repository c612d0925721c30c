package fanout

import (
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// TwinError is a cluster that turns out to be another one, or a copy of it.
type TwinError struct{ Other, UID string }

func (e *TwinError) Error() string {
	return fmt.Sprintf("it is the cluster %s again, or a copy of it: both have the UID %s", e.Other, e.UID)
}

// Reason classifies the failure.
func (*TwinError) Reason() member.Reason { return member.ReasonRefused }

// RefuseTwins makes it a *TwinError where two clusters have one UID: what changes
// both would change one of them twice.
func (rs Results[T]) RefuseTwins(uid func(T) string) {
	first := map[string]string{}
	for i, r := range rs {
		if r.Err != nil {
			continue
		}
		id := uid(r.Value)
		if other, twice := first[id]; twice {
			rs[i].Err = &TwinError{Other: other, UID: id}
		}
		first[id] = r.Cluster.Name
	}
}
