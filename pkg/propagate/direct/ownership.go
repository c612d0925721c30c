package direct

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// mark is a label or annotation by which another tool knows what is its own, and
// would put back what we change.
type mark struct{ tool, label, annotation string }

func marks() []mark {
	return []mark{
		{tool: "Flux (kustomization)", label: "kustomize.toolkit.fluxcd.io/name"},
		{tool: "Flux (helm release)", label: "helm.toolkit.fluxcd.io/name"},
		{tool: "Argo CD", annotation: "argocd.argoproj.io/tracking-id"},
		{tool: "Argo CD", label: "argocd.argoproj.io/instance"},
		{tool: "Helm", annotation: "meta.helm.sh/release-name"},
		{tool: "Karmada", label: "karmada.io/managed"},
		{tool: "Karmada", label: "work.karmada.io/permanent-id"},
	}
}

// ownerOf is the tool that has an object under its care, and which of its things
// has; empty if none does.
func ownerOf(live *unstructured.Unstructured) (tool, which string) {
	labels, annotations := live.GetLabels(), live.GetAnnotations()
	for _, mark := range marks() {
		which, is := labels[mark.label]
		if mark.label == "" {
			which, is = annotations[mark.annotation]
		}
		if is && mark.tool == "Karmada" { // its values say nothing
			which = "label " + mark.label
		}
		if is {
			return mark.tool, which
		}
	}
	return "", ""
}

// HeldBy is an object of the plan that this tool has under its care; empty if there is
// none, or all was taken from it before.
func (p *Plan) HeldBy(tool string) string {
	if p.set.Exists() {
		return ""
	}
	for _, c := range p.Changes {
		if c.live == nil {
			continue
		}
		if owner, _ := ownerOf(c.live); owner == tool {
			return c.Object.What()
		}
	}
	return ""
}

// mayTake refuses what is another set's, or another tool's.
func (p *planner) mayTake(ctx context.Context, live *unstructured.Unstructured) error {
	if live.GetDeletionTimestamp() != nil {
		return refused("it is being deleted: try again when it is gone")
	}
	switch part := live.GetLabels()[set.PartOfLabel]; {
	case part == p.set.PartOf() && p.set.Exists():
		return nil // taken before
	case part != "" && part != p.set.PartOf():
		return refused("%s has it already", p.setOf(ctx, part))
	case p.options.TakeOver:
		return nil
	}
	if tool, which := ownerOf(live); tool != "" {
		return refused("%s has it (%s) and would put back what we change; --take-over takes it all the same", tool, which)
	}
	return nil
}

// setOf names the set that a part-of label means.
func (p *planner) setOf(ctx context.Context, part string) string {
	sets, err := set.List(ctx, state.Store{Member: p.member, Namespace: p.options.StateNamespace})
	if err == nil {
		for _, s := range sets {
			if s.PartOf() == part {
				return "the set " + s.Name
			}
		}
	}
	return "the ApplySet " + part // of kubectl, or of another state namespace
}
