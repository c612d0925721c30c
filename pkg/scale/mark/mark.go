// Package mark tells a cluster that a node is about to leave, and takes that back.
// A mark says whose it is and what was before, so that only our own is ever undone.
package mark

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
)

const (
	// Annotation is on nodes that have our mark: RUN, and of "unschedulable" and
	// "balanced" what is to be undone, by commas.
	Annotation = "kubectl-fleet.io/scale"
	// Taint keeps pods away: NoSchedule from nodes that are being emptied, and
	// PreferNoSchedule from those that will be.
	Taint = "kubectl-fleet.io/leaving"
	// excluded takes a node from load balancers (KEP-1143).
	excluded = corev1.LabelNodeExcludeBalancers

	undoUnschedulable = "unschedulable"
	undoExcluded      = "balanced"
)

// Nodes marks nodes of one cluster for one run.
type Nodes struct {
	Member *member.Member
	Run    string
}

// GoneError is a node that is no longer there, or another of its name.
type GoneError struct{ Name string }

func (e *GoneError) Error() string { return fmt.Sprintf("node %s is gone", e.Name) }

// RunOf is the run whose mark a node has; empty if it has none.
func RunOf(n *corev1.Node) string {
	run, _, _ := strings.Cut(n.Annotations[Annotation], ",")
	return run
}

// IsMarked is true if a node is marked for this run, and unschedulable.
func (m Nodes) IsMarked(n *corev1.Node) bool {
	return RunOf(n) == m.Run && n.Spec.Unschedulable && slices.ContainsFunc(n.Spec.Taints, isHard)
}

// Leaving marks a node: the scheduler and load balancers leave it alone from then
// on. It returns when the API server has it.
func (m Nodes) Leaving(ctx context.Context, name string, uid types.UID) error {
	return m.change(ctx, name, uid, func(n *corev1.Node) (bool, error) {
		if m.IsMarked(n) {
			return false, nil
		}
		// There is one run at a time: a mark of another is of one that has ended, and what
		// it would undo is now this one's.
		undo := strings.Split(n.Annotations[Annotation], ",")
		undo[0] = m.Run
		if !n.Spec.Unschedulable && !slices.Contains(undo, undoUnschedulable) {
			undo = append(undo, undoUnschedulable)
		}
		if _, has := n.Labels[excluded]; !has {
			undo = append(undo, undoExcluded)
		}
		n.Annotations = with(n.Annotations, Annotation, strings.Join(undo, ","))
		n.Labels = with(n.Labels, excluded, n.Labels[excluded])
		n.Spec.Unschedulable = true
		n.Spec.Taints = append(slices.DeleteFunc(n.Spec.Taints, isOurs), corev1.Taint{Key: Taint, Effect: corev1.TaintEffectNoSchedule})
		return true, nil
	})
}

// Later tells the scheduler to prefer other nodes: this one will leave, too.
func (m Nodes) Later(ctx context.Context, name string, uid types.UID) error {
	return m.change(ctx, name, uid, func(n *corev1.Node) (bool, error) {
		if slices.ContainsFunc(n.Spec.Taints, isOurs) {
			return false, nil
		}
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: Taint, Effect: corev1.TaintEffectPreferNoSchedule})
		return true, nil
	})
}

// Rests leaves a node that is empty as kubectl drain would: it is cordoned, and
// nothing else. That it was this run is remembered, so that Stays can uncordon it.
func (m Nodes) Rests(ctx context.Context, name string, uid types.UID) error {
	return m.change(ctx, name, uid, func(n *corev1.Node) (bool, error) {
		if !slices.ContainsFunc(n.Spec.Taints, isOurs) {
			return false, nil
		}
		n.Spec.Taints = slices.DeleteFunc(n.Spec.Taints, isOurs)
		undo := strings.Split(n.Annotations[Annotation], ",")
		if i := slices.Index(undo, undoExcluded); i >= 0 {
			delete(n.Labels, excluded)
			undo = slices.Delete(undo, i, i+1)
		}
		n.Annotations = with(n.Annotations, Annotation, strings.Join(undo, ","))
		return true, nil
	})
}

// Stays takes back what this run has done to a node, and nothing else. A node that
// is gone is no error.
func (m Nodes) Stays(ctx context.Context, name string, uid types.UID) error {
	err := m.change(ctx, name, uid, func(n *corev1.Node) (bool, error) {
		undo := strings.Split(n.Annotations[Annotation], ",")
		if other := RunOf(n); other != "" && other != m.Run {
			return false, nil
		}
		marked := RunOf(n) != ""
		tainted := slices.ContainsFunc(n.Spec.Taints, isOurs)
		if !marked && !tainted {
			return false, nil
		}
		n.Spec.Taints = slices.DeleteFunc(n.Spec.Taints, isOurs)
		delete(n.Annotations, Annotation)
		if slices.Contains(undo, undoUnschedulable) {
			n.Spec.Unschedulable = false
		}
		if slices.Contains(undo, undoExcluded) {
			delete(n.Labels, excluded)
		}
		return true, nil
	})
	if _, gone := err.(*GoneError); gone { //nolint:errorlint // it is ours, as it was made
		return nil
	}
	return err
}

// tries bounds the repetitions of a write that met another, such as a kubelet's.
const tries = 20

// change reads a node, changes it, and writes it if nobody else has meanwhile. If the
// answer to a write was lost, the node that is read next says whether it was done.
func (m Nodes) change(ctx context.Context, name string, uid types.UID, change func(*corev1.Node) (bool, error)) error {
	return patience.Try(ctx, func() error { return m.changeOnce(ctx, name, uid, change) })
}

func (m Nodes) changeOnce(ctx context.Context, name string, uid types.UID, change func(*corev1.Node) (bool, error)) error {
	for try := 1; ; try++ {
		object, err := m.Member.Object(ctx, member.Nodes(), "", name)
		if member.IsObjectNotFound(err) || err == nil && object.GetUID() != uid {
			return &GoneError{name}
		}
		if err != nil {
			return err
		}
		n := &corev1.Node{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, n); err != nil {
			return err
		}
		changed, err := change(n)
		if err != nil || !changed {
			return err
		}
		if err := put(object, n); err != nil {
			return err
		}
		_, err = m.Member.Update(ctx, member.Nodes(), object)
		if err == nil || !apierrors.IsConflict(err) || try == tries {
			return err
		}
	}
}

// put writes what marks consist of into the object as it came, so that fields which
// we do not know stay.
func put(object *unstructured.Unstructured, n *corev1.Node) error {
	object.SetLabels(n.Labels)
	object.SetAnnotations(n.Annotations)
	if n.Spec.Unschedulable {
		if err := unstructured.SetNestedField(object.Object, true, "spec", "unschedulable"); err != nil {
			return err
		}
	} else {
		unstructured.RemoveNestedField(object.Object, "spec", "unschedulable")
	}
	var taints []any
	for i := range n.Spec.Taints {
		taint, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&n.Spec.Taints[i])
		if err != nil {
			return err
		}
		taints = append(taints, taint)
	}
	if len(taints) == 0 {
		unstructured.RemoveNestedField(object.Object, "spec", "taints")
		return nil
	}
	return unstructured.SetNestedSlice(object.Object, taints, "spec", "taints")
}

func with(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

func isOurs(t corev1.Taint) bool { return t.Key == Taint }

func isHard(t corev1.Taint) bool { return t.Key == Taint && t.Effect == corev1.TaintEffectNoSchedule }
