package hub

import (
	"context"
	"slices"
	"strings"

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
	s.Drifted = p.drifted()
	for _, c := range p.clusters {
		if !slices.Contains(in, p.known[c.Name]) {
			continue
		}
		there := s
		if there.Health, _, err = newGate(p.Plan, p.known[c.Name]).look(ctx); err != nil {
			return err
		}
		if there.Ready, there.Wanted, err = p.replicas(ctx, p.known[c.Name]); err != nil {
			return err
		}
		found[c.Name] = append(found[c.Name], there)
	}
	return nil
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

// replicas counts those of the workloads in a cluster.
func (p *Plan) replicas(ctx context.Context, cluster string) (ready, wanted int64, err error) {
	s, err := p.look(ctx)
	if err != nil {
		return 0, 0, err
	}
	for _, b := range s.bindings {
		w := s.works[b.id()][cluster]
		if w == nil {
			continue
		}
		there := &unstructured.Unstructured{Object: map[string]any{"spec": w.manifest().Object["spec"]}}
		there.SetGroupVersionKind(b.ref().GroupVersionKind)
		for _, a := range b.Status.AggregatedStatus {
			if a.Cluster == cluster {
				there.Object["status"] = a.Status
			}
		}
		r, of := direct.Replicas(there)
		ready, wanted = ready+r, wanted+of
	}
	return ready, wanted, nil
}
