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

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
)

// Request is what is brought to clusters.
type Request struct {
	// Objects are templates, and policies if the user has any.
	Objects []manifest.Object
	// Clusters are those that are meant. Each must have its UID: by that the hub's
	// own name of it is found.
	Clusters []inventory.Cluster
	Options  direct.Options
}

// Plan is what happens on a hub, and in the clusters for which it does.
type Plan struct {
	*direct.Plan

	hub     *member.Member
	options direct.Options
	// known is Karmada's name of each cluster, by ours.
	known map[string]string
	// generated is true if the policies are made from the selection.
	generated bool

	at *progress

	looking sync.Mutex
	latest  *snapshot
	taken   time.Time
}

func newPlan(m *member.Member, o direct.Options) *Plan {
	return &Plan{hub: m, options: o, known: map[string]string{}, at: &progress{begun: map[string]bool{}, finished: map[string]bool{}}}
}

type planner struct {
	*Plan
	clusters []inventory.Cluster
}

// PlanHub plans by reading and by dry runs of the hub: nothing is written.
func PlanHub(ctx context.Context, m *member.Member, r Request) (*Plan, error) {
	p := planner{newPlan(m, r.Options), r.Clusters}
	if err := p.know(ctx); err != nil {
		return nil, err
	}
	objects, err := p.placed(ctx, r.Objects)
	if err != nil {
		return nil, err
	}
	policies, templates, err := policy.Split(objects)
	if err != nil {
		return nil, err
	}
	own, err := policies.Objects()
	if err != nil {
		return nil, err
	}
	all := slices.Clone(templates)
	for _, o := range own {
		all = append(all, manifest.Object{Unstructured: o, Origin: manifest.Origin{Source: "the policies"}})
	}
	if p.generated = !slices.ContainsFunc(own, propagates); p.generated {
		made, err := p.generate(templates)
		if err != nil {
			return nil, err
		}
		all = append(all, made...)
	}
	if p.Plan.Plan, err = direct.PlanCluster(ctx, m, all, r.Options); err != nil {
		return nil, err
	}
	return p.Plan, p.narrowed()
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
	return &member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf("the set is in %s, too, and Karmada takes it away from where a policy does not name: select these as well, or --prune it there", strings.Join(left, ", "))}
}

// know finds the clusters on the hub.
func (p *planner) know(ctx context.Context) error {
	byUID := map[string]string{}
	for page, err := range p.hub.Objects(ctx, member.ListRequest{Resource: clusters(), Limit: 500}) {
		if member.ReasonOf(err) == member.ReasonNotFound && err != nil {
			return &member.Error{Reason: member.ReasonNotInstalled, Err: errors.New("it is no Karmada control plane: it has no clusters.cluster.karmada.io")}
		}
		if err != nil {
			return err
		}
		for i := range page {
			id, _, _ := unstructured.NestedString(page[i].Object, "spec", "id")
			byUID[id] = page[i].GetName()
		}
	}
	for _, c := range p.clusters {
		name, joined := byUID[c.UID]
		if !joined || c.UID == "" {
			return &member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf("%s has not joined it: no cluster of it has the UID %q", c.Name, c.UID)}
		}
		p.known[c.Name] = name
	}
	return nil
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

// placed gives the objects that are in a namespace and name none the one that
// they get anyway: policies are made for it.
func (p *planner) placed(ctx context.Context, objects []manifest.Object) ([]manifest.Object, error) {
	scopes := map[schema.GroupKind]bool{}
	for _, o := range objects {
		if o.GroupVersionKind().GroupKind() == (schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}) {
			group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
			scope, _, _ := unstructured.NestedString(o.Object, "spec", "scope")
			scopes[schema.GroupKind{Group: group, Kind: kind}] = scope == "Namespaced"
		}
	}
	placed := slices.Clone(objects)
	for i, o := range placed {
		if o.GetNamespace() != "" {
			continue
		}
		kind := o.GroupVersionKind()
		namespaced, known := scopes[kind.GroupKind()]
		if !known {
			r, err := p.hub.ResourceOf(ctx, kind, false)
			if member.ReasonOf(err) == member.ReasonNotInstalled && err != nil {
				continue // which is refused with all other reasons
			}
			if err != nil {
				return nil, err
			}
			namespaced = r.Namespaced
			scopes[kind.GroupKind()] = namespaced
		}
		if namespaced {
			placed[i].Unstructured = o.DeepCopy()
			placed[i].SetNamespace(cmp.Or(p.options.Namespace, p.hub.Cluster().Namespace, "default"))
		}
	}
	return placed, nil
}

func isPolicy(kind schema.GroupVersionKind) bool { return kind.Group == policyv1alpha1.GroupName }

func isNamespace(kind schema.GroupVersionKind) bool {
	return kind.GroupKind() == schema.GroupKind{Kind: "Namespace"}
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
