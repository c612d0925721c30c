package snapshot

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// maintenances is the type of the Node Maintenance Operator.
const maintenances = "nodemaintenances.nodemaintenance.medik8s.io"

// Maintenance is an object NodeMaintenance: somebody wants a node drained, until it is
// deleted.
type Maintenance struct{ Name, Node, Reason string }

// readMaintenances reads who is in maintenance, where there is such a type. That it may
// not be read is noted: nodes in maintenance are cordoned, too.
func (s *Snapshot) readMaintenances(ctx context.Context, m *member.Member) error {
	r, err := m.Resource(ctx, maintenances)
	if member.ReasonOf(err) == member.ReasonNotInstalled {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find %s: %w", maintenances, err)
	}
	for page, err := range m.Objects(ctx, member.ListRequest{Resource: r, Limit: pageSize}) {
		if reason := member.ReasonOf(err); reason == member.ReasonForbidden || reason == member.ReasonNotInstalled {
			s.Unseen = append(s.Unseen, fmt.Sprintf("nodes in maintenance are known by their cordons alone: %v", err))
			return nil
		}
		if err != nil {
			return fmt.Errorf("list %s: %w", maintenances, err)
		}
		for i := range page {
			node, _, _ := unstructured.NestedString(page[i].Object, "spec", "nodeName")
			reason, _, _ := unstructured.NestedString(page[i].Object, "spec", "reason")
			s.Maintenances = append(s.Maintenances, Maintenance{Name: page[i].GetName(), Node: node, Reason: reason})
		}
	}
	return nil
}
