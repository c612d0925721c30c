package remove

import (
	"context"
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Guard is a remover that can keep others from nodes while they are emptied.
type Guard interface {
	// Guard keeps others from nodes, for a run. Those that are kept already are left.
	Guard(ctx context.Context, run string, nodes []Node) error
	// Unguard takes back what Guard has done for the run, and nothing else.
	Unguard(ctx context.Context, run string, nodes []Node) error
}

var _ Guard = &ClusterAPI{}

// Guard implements Guard: a MachineHealthCheck that takes an emptied node for a sick
// one would replace it.
func (r *ClusterAPI) Guard(ctx context.Context, run string, nodes []Node) error {
	return r.remediation(ctx, nodes, func(_ string, has bool) (any, bool) { return guardedBy(run), !has })
}

// Unguard implements Guard.
func (r *ClusterAPI) Unguard(ctx context.Context, run string, nodes []Node) error {
	return r.remediation(ctx, nodes, func(value string, _ bool) (any, bool) { return nil, value == guardedBy(run) })
}

func guardedBy(run string) string { return member.FieldManager + "/" + run }

// remediation writes the annotation on the Machines of nodes by which they are not
// remediated, where change wants that. A node that is gone, or has no Machine, is
// left.
func (r *ClusterAPI) remediation(ctx context.Context, nodes []Node, change func(value string, has bool) (any, bool)) error {
	resource, err := capiResource(ctx, r.Management, kindMachine)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		node, err := r.Member.Object(ctx, member.Nodes(), "", n.Name)
		if member.IsObjectNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		name := node.GetAnnotations()[machineOf]
		if node.GetUID() != n.UID || name == "" {
			continue
		}
		m, err := r.Management.Object(ctx, resource, node.GetAnnotations()[namespaceOf], name)
		if member.IsObjectNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		value, has := m.GetAnnotations()[skipRemediation]
		to, wanted := change(value, has)
		if !wanted || text(m, "status", "nodeRef", "name") != n.Name {
			continue
		}
		patch := map[string]any{"metadata": map[string]any{"annotations": map[string]any{skipRemediation: to}}}
		if err := r.Management.MergePatch(ctx, resource, m.GetNamespace(), m.GetName(), m.GetUID(), patch); err != nil {
			return fmt.Errorf("annotate Machine %s/%s: %w", m.GetNamespace(), m.GetName(), err)
		}
	}
	return nil
}
