package hub

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// managedLabel is on what Karmada has brought to a cluster. It does not touch what is
// there without.
const managedLabel = "karmada.io/managed"

// parallel is how many requests one cluster gets at a time.
const parallel = 16

// mayEnter refuses what clusters have already, and not from Karmada, and what it has no
// right to bring there: it would say so only when all is written. Of namespaces it would
// say nothing at all, and cannot take them over. What cannot be looked at is left to it; and
// where the user's own policies say what goes where, all is.
func (p *planner) mayEnter(ctx context.Context, rendered []render.Cluster) error {
	if !p.generated {
		return nil
	}
	s, err := p.look(ctx)
	if err != nil {
		return err
	}
	found := make([]map[set.Ref]string, len(rendered))
	group, asking := errgroup.WithContext(ctx)
	for i, c := range rendered {
		group.Go(func() error {
			found[i] = p.unwelcomeIn(asking, c, func(ref set.Ref) bool {
				b := s.binding(ref)
				return b != nil && s.works[b.id()][p.known[c.Name]] != nil
			})
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return context.Cause(ctx)
	}
	refusal := &direct.RefusedError{}
	for _, c := range p.Changes {
		where := map[string][]string{}
		for i, r := range rendered {
			if says := found[i][set.RefOf(c.Object.Unstructured).Unversioned()]; says != "" {
				where[says] = append(where[says], r.Name)
			}
		}
		for says, names := range where {
			refusal.Problems = append(refusal.Problems, direct.ObjectError{Object: c.Object, Err: refused("%s: %s", strings.Join(names, ", "), says)})
		}
	}
	if len(refusal.Problems) > 0 {
		return refusal
	}
	return nil
}

// unwelcomeIn are the objects that Karmada cannot bring to a cluster, each with why.
// brought are known to be from it.
func (p *planner) unwelcomeIn(ctx context.Context, rendered render.Cluster, brought func(set.Ref) bool) map[set.Ref]string {
	unwelcome := map[set.Ref]string{}
	cluster := p.known[rendered.Name]
	m, err := p.beside.reach(ctx, p.beside.clusters[cluster])
	if err != nil {
		return unwelcome
	}
	var mu sync.Mutex
	var asked sync.Map // the answers, by type and namespace
	group, asking := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, o := range p.placed(rendered.Objects) {
		ref := set.RefOf(o.Unstructured)
		space := isNamespace(ref.GroupVersionKind)
		if !space && (p.options.TakeOver || isPolicy(ref.GroupVersionKind) || brought(ref)) {
			continue
		}
		group.Go(func() error {
			resource, err := m.ResourceOf(asking, o.GroupVersionKind(), false)
			if err != nil {
				return nil
			}
			var says string
			if space {
				says = isLeft(asking, m, resource, o)
			} else if says = p.isStranger(asking, m, resource, o); says == "" {
				attributes := authorizationv1.ResourceAttributes{Verb: "create", Group: resource.Group, Resource: resource.GroupVersionResource.Resource, Namespace: o.GetNamespace()}
				ask, _ := asked.LoadOrStore(attributes, sync.OnceValue(func() string { return p.barred(asking, m, cluster, attributes) }))
				says = ask.(func() string)()
			}
			if says != "" {
				mu.Lock()
				defer mu.Unlock()
				unwelcome[ref.Unversioned()] = says
			}
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	return unwelcome
}

// isStranger says what is to be done about an object that a cluster has, and not from
// Karmada; empty if it has none, or cannot say.
func (p *planner) isStranger(ctx context.Context, m *member.Member, resource member.Resource, o manifest.Object) string {
	live, err := m.Object(ctx, resource, o.GetNamespace(), o.GetName())
	switch {
	case err != nil, live.GetLabels()[managedLabel] == "true":
		return ""
	case live.GetLabels()[set.PartOfLabel] == p.PartOf():
		return "it is there already, by the set of that name that was brought there without a hub: withdraw that first, with --via direct, or --take-over what it has"
	}
	return "it is there already, and not from Karmada, which would not touch it; --take-over takes it all the same"
}

// isLeft says what a Namespace that a cluster has, and not from Karmada, would not get:
// Karmada leaves it as it is. Empty if it lacks nothing, or cannot be looked at.
func isLeft(ctx context.Context, m *member.Member, resource member.Resource, o manifest.Object) string {
	live, err := m.Object(ctx, resource, "", o.GetName())
	if err != nil || live.GetLabels()[managedLabel] == "true" {
		return ""
	}
	lacks := func(wanted, has map[string]string) []string {
		maps.DeleteFunc(wanted, func(key, value string) bool {
			is, there := has[key]
			return key == set.PartOfLabel || there && is == value
		})
		return slices.Sorted(maps.Keys(wanted))
	}
	lacking := slices.Concat(lacks(o.GetLabels(), live.GetLabels()), lacks(o.GetAnnotations(), live.GetAnnotations()))
	if len(lacking) == 0 {
		return ""
	}
	return "it is there already, and not from Karmada, which leaves it as it is: give it " + strings.Join(lacking, ", ") + " there with kubectl, or leave that out"
}
