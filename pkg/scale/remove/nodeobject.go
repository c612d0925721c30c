package remove

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// nodeObject reads a node, if it is still the same.
func nodeObject(ctx context.Context, m *member.Member, n Node) (*corev1.Node, error) {
	o, err := m.Object(ctx, member.Nodes(), "", n.Name)
	if err != nil {
		return nil, err
	}
	if o.GetUID() != n.UID {
		return nil, &member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf("node %s is another, of the same name", n.Name)}
	}
	node := &corev1.Node{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, node); err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Name, err)
	}
	return node, nil
}

// isGone tells whether a node is gone. One that is there again, as another, is a
// WrongError.
func isGone(ctx context.Context, m *member.Member, n Node) (bool, error) {
	there, err := m.Object(ctx, member.Nodes(), "", n.Name)
	switch {
	case member.IsObjectNotFound(err):
		return true, nil
	case err != nil:
		return false, err
	case there.GetUID() != n.UID:
		return false, &WrongError{fmt.Errorf("node %s has registered again: its kubelet still runs", n.Name)}
	}
	return false, nil
}
