package direct

import (
	"context"
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// PlanResume plans to go on with the last run of a set in a cluster, as the
// revision that it kept there says. Where the run is through nothing is planned.
func PlanResume(ctx context.Context, m *member.Member, o Options) (*Plan, error) {
	s, err := set.Load(ctx, state.Store{Member: m, Namespace: o.StateNamespace}, o.Set)
	if err != nil {
		return nil, err
	}
	if s.Journal.Phase == set.PhaseDone {
		p := &planner{Plan: &Plan{Cluster: m.Cluster().Name, options: o, member: m}}
		return p.Plan, p.remember(ctx)
	}
	plan, err := planKept(ctx, m, o, s, s.Journal.Revision, toResume)
	if err != nil {
		return nil, err
	}
	if plan.set.Journal.Revision != s.Journal.Revision {
		return nil, refused("somebody else has begun another run meanwhile")
	}
	return plan, nil
}

// PlanKept plans to apply again what is applied: what that would change has drifted. It
// is looked at, and never made.
func PlanKept(ctx context.Context, m *member.Member, o Options) (*Plan, error) {
	s, err := set.Load(ctx, state.Store{Member: m, Namespace: o.StateNamespace}, o.Set)
	if err != nil {
		return nil, err
	}
	o.CompareOnly = true
	return planKept(ctx, m, o, s, applied(s), toResume)
}

// planKept plans to apply a revision again.
func planKept(ctx context.Context, m *member.Member, o Options, s *set.Set, number int, purpose purpose) (*Plan, error) {
	current, err := s.Revision(ctx, number)
	if err != nil {
		return nil, err
	}
	if current == nil {
		return nil, refused("revision %d of set %s is not kept", number, o.Set)
	}
	// What the run does was checked, shown and confirmed when it began.
	o.Prune, o.TakeOver, o.ForceConflicts = true, true, o.ForceConflicts || len(current.Taken) > 0
	o.pruneOnly = current.IsDropped
	for _, ref := range current.Dropped { // those that are released are Found, and so not deleted whatever their kind
		o.DeleteKinds = append(o.DeleteKinds, ref.GroupKind().String())
	}
	objects := make([]manifest.Object, len(current.Objects))
	for i, object := range current.Objects {
		objects[i] = manifest.Object{Unstructured: object, Origin: manifest.Origin{Source: fmt.Sprintf("revision %d", current.Number)}}
	}
	plan, err := planCluster(ctx, m, objects, o, purpose)
	if err == nil {
		plan.restores = current.Restores
	}
	return plan, err
}
