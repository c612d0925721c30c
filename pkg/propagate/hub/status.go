package hub

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// Inspect looks how the sets that a hub has brought to clusters are there, as the
// hub knows it: one, or with an empty name all. The result is by the user's names
// of clusters. What has drifted is on the hub: in the clusters it puts things right
// itself.
func Inspect(ctx context.Context, k Kept) (map[string][]direct.Status, error) {
	sets, err := direct.Remembered(ctx, k.Hub, k.Options.StateNamespace, k.Options.Set)
	if err != nil {
		return nil, err
	}
	found := map[string][]direct.Status{}
	for i := range sets {
		if !sets[i].Hub && k.Options.Set == "" {
			continue
		}
		of := k
		of.Options.Set, of.Options.Hub, of.Options.ForceConflicts = sets[i].Name, true, true
		if err := of.inspect(ctx, sets[i], found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (k Kept) inspect(ctx context.Context, s direct.Status, found map[string][]direct.Status) error {
	plan := &direct.Plan{} // of a first run of which nothing is applied there is nothing to look at
	in := slices.Concat(s.Journal.Run.Waves...)
	if s.Applied > 0 {
		var err error
		plan, err = direct.PlanKept(ctx, k.Hub, k.Options)
		if member.ReasonOf(err) == member.ReasonRefused && err != nil {
			s.DriftUnknown = err
			k.Options.Untried = true
			plan, err = direct.PlanKept(ctx, k.Hub, k.Options)
		}
		if err != nil {
			return err
		}
	}
	p, err := k.look(ctx, plan)
	if err != nil {
		return err
	}
	if s.Applied > 0 {
		if in, err = p.where(ctx); err != nil {
			return err
		}
	}
	if s.Journal.RolledBack && len(in) == 0 { // what it left is wherever the hub brings namespaces
		in = p.names()
	}
	s.Drifted, s.Left, s.Restores = p.drifted(), plan.Left(), plan.Restores()
	waiting := p.suspendedNow()
	for _, c := range p.clusters {
		if !slices.Contains(in, p.known[c.Name]) {
			continue
		}
		there := s
		if slices.Contains(waiting, p.known[c.Name]) {
			err = p.inspectWaiting(ctx, p.known[c.Name], &there)
		} else {
			err = p.inspectReached(ctx, p.known[c.Name], &there)
		}
		if err != nil {
			return err
		}
		found[c.Name] = append(found[c.Name], there)
	}
	return nil
}

// inspectReached looks at the set in a cluster to which the hub brings it.
func (p *Plan) inspectReached(ctx context.Context, cluster string, s *direct.Status) (err error) {
	if s.Health, _, err = newGate(p, cluster).look(ctx); err != nil {
		return err
	}
	return p.eachWorkIn(ctx, cluster, func(b *binding, w *work) {
		spec, _ := w.manifest().Object["spec"].(map[string]any)
		s.Count(b.workloadIn(cluster, spec))
	})
}

// inspectWaiting looks at the set in a cluster that is kept from what the hub has by now,
// and has what was brought there before.
func (p *Plan) inspectWaiting(ctx context.Context, cluster string, s *direct.Status) error {
	s.Journal.Phase, s.Stopped, s.Applied, s.Restores = set.PhasePending, false, 0, nil
	return p.eachWorkIn(ctx, cluster, func(b *binding, w *work) {
		if meta.FindStatusCondition(w.Status.Conditions, "Applied") == nil { // it comes with what is waited for
			return
		}
		s.Applied = s.Journal.Done
		s.Health.Total++
		item, _ := b.statusIn(cluster)
		// The Work says already what the cluster is to have.
		spec := map[string]any{"replicas": item.Status["replicas"]}
		if item.Applied && item.Health == "Healthy" {
			s.Health.Current++
		} else {
			s.Health.Waiting = append(s.Health.Waiting, b.ref().String()+": "+b.unhealthy(cluster, spec))
		}
		s.Count(b.workloadIn(cluster, spec))
	})
}

// drifted is what is on the hub no longer as it was applied. That clusters are
// suspended is a run's doing.
func (p *Plan) drifted() []direct.Drift {
	var drifted []direct.Drift
	for _, c := range p.Changes {
		d := direct.Drift{Ref: set.RefOf(c.Object.Unstructured), Gone: c.Action == direct.ActionCreate}
		for _, field := range c.Fields {
			if isOfPolicy(c) && strings.HasPrefix(field.Path, "spec.suspension") {
				continue
			}
			d.Fields = append(d.Fields, v1alpha1.Difference{Path: field.Path, Reference: field.Value, Value: field.Reference})
		}
		if d.Gone || len(d.Fields) > 0 {
			drifted = append(drifted, d)
		}
	}
	return drifted
}

// eachWorkIn is called with what Karmada has for a cluster.
func (p *Plan) eachWorkIn(ctx context.Context, cluster string, do func(*binding, *work)) error {
	s, err := p.look(ctx)
	if err != nil {
		return err
	}
	for _, b := range s.bindings {
		if w := s.works[b.id()][cluster]; w != nil {
			do(b, w)
		}
	}
	return nil
}

// workloadIn is what a template has become in a cluster, with a spec.
func (b *binding) workloadIn(cluster string, spec map[string]any) *unstructured.Unstructured {
	item, _ := b.statusIn(cluster)
	there := &unstructured.Unstructured{Object: map[string]any{"spec": spec, "status": item.Status}}
	there.SetGroupVersionKind(b.ref().GroupVersionKind)
	return there
}
