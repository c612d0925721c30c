package hub

import (
	"context"
	"slices"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// Arrivals are what becomes of the objects in a cluster, by our name of it, beside what
// becomes of their templates: replicas that are divided anew, and fields of overrides
// that come, change or go. Of policies that are the user's own it is not known.
func (p *Plan) Arrivals(cluster string) []v1alpha1.ObjectChange { return p.arrivals[cluster] }

// arrive compares what each cluster is to have with what Karmada brings it now.
func (p *planner) arrive(ctx context.Context, rendered []render.Cluster) error {
	if !p.generated {
		return nil
	}
	s, err := p.look(ctx)
	if err != nil {
		return err
	}
	for _, c := range rendered {
		for _, o := range p.placed(c.Objects) {
			ref := set.RefOf(o.Unstructured)
			at := slices.IndexFunc(p.Changes, func(change *direct.Change) bool { return set.RefOf(change.Object.Unstructured).Same(ref) })
			b := s.binding(ref)
			if at < 0 || b == nil {
				continue
			}
			template, _ := p.Changes[at].State()
			w := s.works[b.id()][p.known[c.Name]]
			if template == nil || w == nil {
				continue
			}
			fields := arrival{
				template: drift.Normal(template, drift.Options{}), wanted: drift.Normal(p.Changes[at].Object.Unstructured, drift.Options{}),
				brought: drift.Normal(w.manifest(), drift.Options{}), rendered: drift.Normal(o.Unstructured, drift.Options{}),
			}.fields()
			if len(fields) > 0 {
				p.arrivals[c.Name] = append(p.arrivals[c.Name], bring(o, fields))
			}
		}
	}
	return nil
}

func bring(o manifest.Object, fields []v1alpha1.Difference) v1alpha1.ObjectChange {
	return v1alpha1.ObjectChange{
		Action: v1alpha1.ActionBring, APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName(), Differences: fields,
	}
}

// arrival is an object on its way to one cluster: the template as it is and as it is to
// be, and what the cluster has been brought and is to have.
type arrival struct{ template, wanted, brought, rendered map[string]any }

// fields are those in which the cluster differs from others, or did, and that change
// there. All else is said of the template.
func (a arrival) fields() []v1alpha1.Difference {
	special := map[string]bool{}
	for _, d := range drift.Fields(a.wanted, a.rendered) {
		special[d.Path] = d.Value != nil
	}
	was := map[string]v1alpha1.Difference{}
	for _, d := range drift.Fields(a.template, a.brought) {
		if d.Value != nil && !strings.Contains(d.Path, "karmada.io") { // what Karmada itself notes, or leaves out
			was[d.Path] = d
		}
	}
	var fields []v1alpha1.Difference
	for _, d := range drift.Fields(a.brought, a.rendered) {
		before, had := was[d.Path]
		switch {
		case d.Value != nil && (special[d.Path] || had):
			fields = append(fields, d)
		case d.Value == nil && had: // nobody says it any more: it is the template's again
			fields = append(fields, v1alpha1.Difference{Path: d.Path, Reference: d.Reference, Value: before.Reference})
		}
	}
	return fields
}
