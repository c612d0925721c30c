package remove

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

const (
	// looking is the pause between two looks whether a controller has chosen.
	looking = 300 * time.Millisecond
	// attempts are made to write over somebody who only writes a status.
	attempts = 5
)

// mark is the value of the annotation by which a run knows the Machines that it has
// marked.
func (s *Step) mark() string { return member.FieldManager + "/" + s.Run }

// Remove implements Remover.
func (r *ClusterAPI) Remove(ctx context.Context, step *Step) error {
	if step.Owner.Kind == kindMachine {
		return r.deleteMachine(ctx, step)
	}
	p, err := r.pool(ctx, step.Owner)
	if err != nil {
		return err
	}
	for attempt := 1; p.count == step.From; attempt++ {
		err := r.lower(ctx, p, step)
		if err == nil {
			break
		}
		if !refused(err) {
			return err // the count may be lowered: without the marks others would go
		}
		if !changed(err) || attempt == attempts {
			return r.unmarked(ctx, step, err)
		}
		if p, err = r.pool(ctx, step.Owner); err != nil {
			return err
		}
	}
	if p.count != step.From && (p.count != step.To || !p.ours(step)) {
		return r.unmarked(ctx, step, &ChangedError{Owner: step.Owner, What: fmt.Sprintf("its count is %d, not %d", p.count, step.From)})
	}
	return r.chosen(ctx, step)
}

// deleteMachine removes Machines that nothing keeps, and nothing puts back.
func (r *ClusterAPI) deleteMachine(ctx context.Context, step *Step) error {
	resource, err := capiResource(ctx, r.Management, kindMachine)
	if err != nil {
		return err
	}
	for _, n := range step.Nodes {
		err := r.Management.Delete(ctx, resource, step.Owner.Namespace, step.Owner.Name, n.ObjectUID, member.WriteOptions{})
		if err != nil && !member.IsObjectNotFound(err) {
			return fmt.Errorf("delete Machine %s: %w", n.Object, err)
		}
	}
	return nil
}

// pool reads an owner, and all around it, as they are now.
func (r *ClusterAPI) pool(ctx context.Context, owner v1alpha1.NodeOwner) (*pool, error) {
	resource, err := capiResource(ctx, r.Management, owner.Kind)
	if err != nil {
		return nil, err
	}
	object, err := r.Management.Object(ctx, resource, owner.Namespace, owner.Name)
	if err != nil {
		return nil, err
	}
	e, err := readEstate(ctx, r.Management, owner.Namespace, text(object, "spec", "clusterName"))
	if err != nil {
		return nil, err
	}
	p := e.poolOf(owner.UID)
	if p == nil {
		return nil, &ChangedError{Owner: owner, What: "it is another, of the same name"}
	}
	return p, nil
}

// lower marks the Machines and lowers the count. An error for which changed is true
// means that the count was not lowered.
func (r *ClusterAPI) lower(ctx context.Context, p *pool, step *Step) error {
	if b := p.block(step.mark(), true); b != nil {
		return &ChangedError{Owner: step.Owner, What: b.Message}
	}
	resource, err := capiResource(ctx, r.Management, kindMachine)
	if err != nil {
		return err
	}
	fresh := false
	for _, n := range step.Nodes {
		m := p.estate.machine(nameOf(n.Object))
		if m == nil || m.GetUID() != n.ObjectUID {
			return &ChangedError{Owner: step.Owner, What: "Machine " + n.Object + " is gone, or another"}
		}
		if value, is := m.GetAnnotations()[deleteMachine]; is && value == step.mark() {
			continue
		}
		fresh = true
		annotate := map[string]any{"metadata": map[string]any{"annotations": map[string]any{deleteMachine: step.mark()}}}
		if err := r.Management.MergePatch(ctx, resource, m.GetNamespace(), m.GetName(), m.GetUID(), annotate); err != nil {
			return fmt.Errorf("mark Machine %s: %w", n.Object, err)
		}
		if !slices.Contains(step.Marks, n.Object) {
			step.Marks = append(step.Marks, n.Object)
		}
	}
	if fresh {
		// Once more, with the marks: whoever came in between is seen now.
		if p, err = r.pool(ctx, step.Owner); err != nil {
			return err
		}
		if b := p.block(step.mark(), true); b != nil {
			return &ChangedError{Owner: step.Owner, What: b.Message}
		}
		if p.count != step.From {
			return &ChangedError{Owner: step.Owner, What: fmt.Sprintf("its count is %d, not %d", p.count, step.From)}
		}
	}
	return p.place.set(ctx, r.Management, step.From, step.To)
}

// ours is true if the Machines of a step are marked by it, go, or are gone.
func (p *pool) ours(step *Step) bool {
	return !slices.ContainsFunc(step.Nodes, func(n Node) bool {
		m := p.estate.machine(nameOf(n.Object))
		return m != nil && m.GetUID() == n.ObjectUID && m.GetDeletionTimestamp() == nil && m.GetAnnotations()[deleteMachine] != step.mark()
	})
}

// chosen waits until the Machines of a step go, and no others. If it turns out
// otherwise the count is put back, as far as it is for Machines that stay.
func (r *ClusterAPI) chosen(ctx context.Context, step *Step) error {
	for began := time.Now(); ; {
		p, err := r.pool(ctx, step.Owner)
		if err != nil {
			return err
		}
		var left []string
		for _, n := range step.Nodes {
			if m := p.estate.machine(nameOf(n.Object)); m != nil && m.GetUID() == n.ObjectUID && m.GetDeletionTimestamp() == nil {
				left = append(left, n.Object)
			}
		}
		if len(left) == 0 {
			return nil
		}
		_, going := p.intruders(func(m *unstructured.Unstructured) bool {
			return slices.ContainsFunc(step.Nodes, func(n Node) bool { return n.ObjectUID == m.GetUID() })
		})
		switch {
		case len(going) > 0:
			why := fmt.Errorf("machine %s goes instead of %s", strings.Join(going, ", "), strings.Join(left, ", "))
			return &WrongError{r.putBack(ctx, p, step, len(left), why)}
		case time.Since(began) > r.Patience:
			why := fmt.Errorf("%s: its controller does not delete %s within %s", p, strings.Join(left, ", "), r.Patience)
			return r.putBack(ctx, p, step, len(left), why)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(looking):
		}
	}
}

// putBack raises the count again for Machines that stay, takes the marks away, and
// says so with why.
func (r *ClusterAPI) putBack(ctx context.Context, p *pool, step *Step, stay int, why error) error {
	if p.count != step.To {
		return r.unmarked(ctx, step, fmt.Errorf("%w; its count is %d meanwhile, and was left", why, p.count))
	}
	to := step.To + int64(stay)
	var err error
	for range attempts {
		if err = p.place.set(ctx, r.Management, step.To, to); err == nil || !changed(err) {
			break
		}
		if p, err = r.pool(ctx, step.Owner); err != nil {
			break
		}
	}
	if err != nil { // with its marks: without them others would go
		return fmt.Errorf("%w; its count should be %d again, and that failed: %w", why, to, err)
	}
	return r.unmarked(ctx, step, fmt.Errorf("%w; its count is %d again", why, to))
}

// unmarked takes the marks of a step away from Machines that stay, and returns why.
func (r *ClusterAPI) unmarked(ctx context.Context, step *Step, why error) error {
	resource, err := capiResource(ctx, r.Management, kindMachine)
	for _, n := range step.Nodes {
		if err != nil {
			break
		}
		var m *unstructured.Unstructured
		m, err = r.Management.Object(ctx, resource, step.Owner.Namespace, nameOf(n.Object))
		if member.IsObjectNotFound(err) {
			err = nil
			continue
		}
		if err != nil || m.GetUID() != n.ObjectUID || m.GetDeletionTimestamp() != nil || m.GetAnnotations()[deleteMachine] != step.mark() {
			continue
		}
		remove := map[string]any{"metadata": map[string]any{"annotations": map[string]any{deleteMachine: nil}}}
		err = r.Management.MergePatch(ctx, resource, m.GetNamespace(), m.GetName(), m.GetUID(), remove)
	}
	if err != nil {
		return fmt.Errorf("%w; the annotation %s was left: %w", why, deleteMachine, err)
	}
	step.Marks = nil
	return why
}

// Confirm implements Remover.
func (r *ClusterAPI) Confirm(ctx context.Context, step *Step) (Progress, error) {
	var waiting []string
	resource, err := capiResource(ctx, r.Management, kindMachine)
	if err != nil {
		return Progress{}, err
	}
	for _, n := range step.Nodes {
		m, err := r.Management.Object(ctx, resource, step.Owner.Namespace, nameOf(n.Object))
		if err != nil && !member.IsObjectNotFound(err) {
			return Progress{}, err
		}
		if err == nil && m.GetUID() == n.ObjectUID {
			waiting = append(waiting, "Machine "+n.Object+" is being deleted"+deletion(m))
			continue
		}
		gone, err := isGone(ctx, r.Member, n)
		if err != nil {
			return Progress{}, err
		}
		if !gone {
			waiting = append(waiting, "node "+n.Name+" is there without its Machine")
		}
	}
	if len(waiting) > 0 || step.Owner.Kind == kindMachine {
		return Progress{Gone: len(waiting) == 0, Waiting: strings.Join(waiting, "; ")}, nil
	}
	return r.confirmCount(ctx, step)
}

// confirmCount looks whether the owner has as many machines as it was told, and
// nobody has told it otherwise.
func (r *ClusterAPI) confirmCount(ctx context.Context, step *Step) (Progress, error) {
	p, err := r.pool(ctx, step.Owner)
	if err != nil {
		return Progress{}, err
	}
	if p.count > step.To {
		return Progress{}, &WrongError{fmt.Errorf("%s has a count of %d, and was given %d: somebody puts machines in their place", p.place, p.count, step.To)}
	}
	if is := number(p.object, "status", "replicas"); is > step.To {
		return Progress{Waiting: fmt.Sprintf("%s has %d machines, and shall have %d", p, is, step.To)}, nil
	}
	return Progress{Gone: true}, nil
}

// deletion is what Cluster API says of a Machine that goes.
func deletion(m *unstructured.Unstructured) string {
	for _, fields := range [][]string{{"status", "conditions"}, {"status", "v1beta2", "conditions"}} {
		conditions, _, _ := unstructured.NestedSlice(m.Object, fields...)
		for _, one := range conditions {
			if c, is := one.(map[string]any); is && c["type"] == "Deleting" && c["message"] != "" {
				return fmt.Sprintf(": %v", c["message"])
			}
		}
	}
	return ""
}

// nameOf is the name in NAMESPACE/NAME.
func nameOf(object string) string {
	_, name, _ := strings.Cut(object, "/")
	return name
}
