package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

// Request is what is brought to clusters.
type Request struct {
	// Rendered are the objects of each cluster, and policies if the user has any.
	Rendered []render.Cluster
	// Weights divide replicas, by the names of clusters.
	Weights []weight.Weight
	// Clusters are those that are meant. Each must have its UID: by that the hub's
	// own name of it is found.
	Clusters []inventory.Cluster
	Reach    Reach
	Options  direct.Options
}

// Plan is what happens on a hub, and in the clusters for which it does.
type Plan struct {
	*direct.Plan

	hub     *member.Member
	options direct.Options
	// known is Karmada's name of each cluster, by ours, and joined are all that the hub
	// has, as it calls them.
	known  map[string]string
	joined []string
	// overrides are the names of the policies that clusters differ by, and overridden
	// what each says.
	overrides  []string
	overridden map[overrideKey]appliedOverride

	// arrivals are what becomes of objects in each cluster beside their templates.
	arrivals map[string][]v1alpha1.ObjectChange

	// former are the versions of templates that the set had before, by
	// set.Ref.Unversioned, when a run has begun.
	former map[set.Ref][]version
	beside *beside

	at *progress

	looking sync.Mutex
	latest  *snapshot
	taken   time.Time
}

func newPlan(m *member.Member, o direct.Options, reach Reach) *Plan {
	return &Plan{
		hub: m, options: o, beside: &beside{reach: reach, clusters: map[string]inventory.Cluster{}, accounts: map[string]string{}, unseen: map[string]error{}, heard: map[string]bool{}, lost: map[string]error{}}, known: map[string]string{}, overridden: map[overrideKey]appliedOverride{},
		arrivals: map[string][]v1alpha1.ObjectChange{},
		at:       &progress{begun: map[string]bool{}, finished: map[string]bool{}, hurries: hurries{}, policies: map[*direct.Change]*unstructured.Unstructured{}},
	}
}

type planner struct {
	*Plan
	// generated is true if the policies are made from the selection.
	generated bool
	clusters  []inventory.Cluster
	// weights are those of clusters as the hub calls them.
	weights map[string]int64
	// scopes says of the kinds that were met whether they are in namespaces.
	scopes map[schema.GroupKind]bool
}

// PlanHub plans by reading and by dry runs of the hub: nothing is written.
func PlanHub(ctx context.Context, m *member.Member, r Request) (*Plan, error) {
	r.Options.Hub = true
	p := planner{Plan: newPlan(m, r.Options, r.Reach), clusters: r.Clusters, weights: map[string]int64{}, scopes: map[schema.GroupKind]bool{}}
	strangers, err := p.know(ctx)
	if err != nil {
		return nil, err
	}
	if len(strangers) > 0 {
		return nil, refused("%s has not joined it: no cluster of it has the UID %q; join --to does that", strangers[0].Name, strangers[0].UID)
	}
	for _, w := range r.Weights {
		found, err := inventory.Selector{Names: []string{w.Cluster}}.Select(r.Clusters)
		if err != nil {
			return nil, err
		}
		p.weights[p.known[found[0].Name]] = w.Weight
	}
	all, err := p.objects(ctx, r.Rendered)
	if err != nil {
		return nil, err
	}
	if p.Plan.Plan, err = direct.PlanCluster(ctx, m, all, r.Options); err != nil {
		return nil, err
	}
	p.outdated()
	p.at.spared = p.suspendedNow()
	if err := p.findAstray(ctx); err != nil {
		return nil, err
	}
	if err := p.mayFollow(ctx); err != nil {
		return nil, err
	}
	if err := p.arrive(ctx, r.Rendered); err != nil {
		return nil, err
	}
	if err := p.narrowed(); err != nil {
		return nil, err
	}
	if err := p.mayBring(ctx); err != nil {
		return nil, err
	}
	return p.Plan, p.mayEnter(ctx, r.Rendered)
}

// outdated deletes the policies of the set that it has no more: they are how it is
// brought to clusters, not what.
func (p *planner) outdated() {
	for _, c := range p.Changes {
		if c.Action == direct.ActionKeep && isPolicy(c.Object.GroupVersionKind()) {
			c.Action, c.Why = direct.ActionDelete, ""
		}
	}
}

// objects are what the hub gets.
func (p *planner) objects(ctx context.Context, rendered []render.Cluster) ([]manifest.Object, error) {
	for _, c := range rendered {
		if err := p.learn(ctx, c.Objects); err != nil {
			return nil, err
		}
	}
	list, err := p.templates(rendered)
	if err != nil {
		return nil, err
	}
	var input []manifest.Object
	for _, t := range list {
		input = append(input, t.Object)
	}
	policies, rest, err := policy.Split(input)
	if err != nil {
		return nil, err
	}
	own, err := policies.Objects()
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(t *template) bool {
		return !slices.ContainsFunc(rest, func(o manifest.Object) bool { return o.Unstructured == t.Unstructured })
	})
	for _, o := range own {
		rest = append(rest, manifest.Object{Unstructured: o, Origin: manifest.Origin{Source: "a policy for the hub"}})
	}
	makers := []func([]*template) ([]manifest.Object, error){p.differences}
	if p.generated = !slices.ContainsFunc(own, propagates); p.generated {
		makers = append(makers, p.placements)
	}
	for _, generate := range makers {
		made, err := generate(list)
		if err != nil {
			return nil, err
		}
		rest = append(rest, made...)
	}
	return rest, nil
}

// narrowed refuses a selection without clusters that the set is in: there Karmada
// would take it away.
func (p *planner) narrowed() error {
	var left []string
	for _, c := range p.Changes {
		live, _ := c.State()
		if !p.generated || p.options.Prune || live == nil || !propagates(live) {
			continue
		}
		had, _, _ := unstructured.NestedStringSlice(live.Object, "spec", "placement", "clusterAffinity", "clusterNames")
		for _, name := range had {
			if !slices.Contains(p.names(), name) && !slices.Contains(left, name) {
				left = append(left, name)
			}
		}
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	return refused("the set is in %s, too, and Karmada takes it away from where a policy does not name: select these as well, or --prune it there", strings.Join(left, ", "))
}

func refused(format string, args ...any) error {
	return &member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf(format, args...)}
}

// know finds the clusters on the hub. strangers have not joined it.
func (p *planner) know(ctx context.Context) (strangers []inventory.Cluster, err error) {
	byUID := map[string]string{}
	for page, err := range p.hub.Objects(ctx, member.ListRequest{Resource: clusters(), Limit: 500}) {
		if member.ReasonOf(err) == member.ReasonNotFound && err != nil {
			return nil, &member.Error{Reason: member.ReasonNotInstalled, Err: errors.New("it is no Karmada control plane: it has no clusters.cluster.karmada.io")}
		}
		if err != nil {
			return nil, err
		}
		for i := range page {
			id, _, _ := unstructured.NestedString(page[i].Object, "spec", "id")
			byUID[id] = page[i].GetName()
			p.joined = append(p.joined, page[i].GetName())
			p.beside.accounts[page[i].GetName()] = accountIn(&page[i])
		}
	}
	for _, c := range p.clusters {
		name, joined := byUID[c.UID]
		if !joined || c.UID == "" {
			strangers = append(strangers, c)
			continue
		}
		p.known[c.Name], p.beside.clusters[name] = name, c
	}
	return strangers, nil
}

// names are the clusters as the hub calls them.
func (p *planner) names() []string {
	list := make([]string, len(p.clusters))
	for i, c := range p.clusters {
		list[i] = p.known[c.Name]
	}
	slices.Sort(list)
	return list
}

// learn finds out which kinds are in namespaces. Those that the hub does not have
// are refused later, with all other reasons.
func (p *planner) learn(ctx context.Context, objects []manifest.Object) error {
	for _, o := range objects {
		if isDefinition(o.GroupVersionKind()) {
			group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
			scope, _, _ := unstructured.NestedString(o.Object, "spec", "scope")
			p.scopes[schema.GroupKind{Group: group, Kind: kind}] = scope == "Namespaced"
		}
	}
	for _, o := range objects {
		kind := o.GroupVersionKind()
		if _, known := p.scopes[kind.GroupKind()]; known {
			continue
		}
		namespaced, known := policy.Scope(kind)
		if !known {
			r, err := p.hub.ResourceOf(ctx, kind, false)
			if err != nil && member.ReasonOf(err) != member.ReasonNotInstalled {
				return err
			}
			namespaced = r.Namespaced
		}
		p.scopes[kind.GroupKind()] = namespaced
	}
	return nil
}

// placed gives the objects that are in a namespace and name none the one that
// they get anyway: policies are made for it.
func (p *planner) placed(objects []manifest.Object) []manifest.Object {
	placed := slices.Clone(objects)
	for i, o := range placed {
		if o.GetNamespace() == "" && p.scopes[o.GroupVersionKind().GroupKind()] {
			placed[i].Unstructured = o.DeepCopy()
			placed[i].SetNamespace(cmp.Or(p.options.Namespace, p.hub.Cluster().Namespace, "default"))
		}
	}
	return placed
}

func isPolicy(kind schema.GroupVersionKind) bool { return kind.Group == policyv1alpha1.GroupName }

func isNamespace(kind schema.GroupVersionKind) bool {
	return kind.GroupKind() == schema.GroupKind{Kind: "Namespace"}
}

// isDefinition is true for the definitions of types.
func isDefinition(kind schema.GroupVersionKind) bool {
	return kind.GroupKind() == schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
}

func ofNamespace(o *unstructured.Unstructured) bool { return isNamespace(o.GroupVersionKind()) }

// propagates is true for the policies that say where objects go.
func propagates(o *unstructured.Unstructured) bool {
	return isPolicy(o.GroupVersionKind()) &&
		(o.GetKind() == policyv1alpha1.ResourceKindPropagationPolicy || o.GetKind() == policyv1alpha1.ResourceKindClusterPropagationPolicy)
}

func clusters() member.Resource {
	return member.Resource{
		GroupVersionResource: schema.GroupVersionResource{Group: "cluster.karmada.io", Version: "v1alpha1", Resource: "clusters"}, Kind: "Cluster",
	}
}
