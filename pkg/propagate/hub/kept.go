package hub

import (
	"context"
	"slices"
	"strings"

	policyv1alpha1 "github.com/karmada-io/karmada/pkg/apis/policy/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// Kept is a set that a hub has brought to clusters before.
type Kept struct {
	Hub *member.Member
	// Clusters are those that are meant, each with its UID.
	Clusters []inventory.Cluster
	Reach    Reach
	Options  direct.Options
}

// PlanRollback plans to bring a set back to a revision, or with 0 to the one
// before, in all clusters that have it: see direct.PlanRollback.
func PlanRollback(ctx context.Context, k Kept, to int) (*Plan, error) {
	k.Options.Hub = true
	journal, ended, err := direct.LastRun(ctx, k.Hub, k.Options)
	if err != nil {
		return nil, err
	}
	unfinished := map[string]bool{}
	if !ended {
		unfinished[journal.Run.ID] = true
	}
	plan, err := direct.PlanRollback(ctx, k.Hub, k.Options, to, unfinished)
	return k.planOf(ctx, plan, err)
}

// PlanWithdraw plans to take a set out of all clusters that have it.
func PlanWithdraw(ctx context.Context, k Kept) (*Plan, error) {
	k.Options.Hub = true
	plan, err := direct.PlanWithdraw(ctx, k.Hub, k.Options)
	if err == nil {
		sayKept(plan)
	}
	return k.planOf(ctx, plan, err)
}

// sayKept says of namespaces that stay what that means where Karmada has brought them.
func sayKept(plan *direct.Plan) {
	for _, c := range plan.Changes {
		if c.Action == direct.ActionRelease && isNamespace(c.Object.GroupVersionKind()) {
			c.Why += "; Karmada keeps it in its clusters, too, until it is deleted on the hub: then it goes there with all that is in it, but where it was before Karmada"
		}
	}
}

// PlanResume plans to go on with the last run of a set, and says which it is, its
// waves being in the hub's names of clusters. It is nil if that has ended.
func PlanResume(ctx context.Context, k Kept) (*Plan, set.Run, error) {
	k.Options.Hub = true
	journal, _, err := direct.LastRun(ctx, k.Hub, k.Options)
	if err != nil || journal.Revision == 0 || journal.Phase == set.PhaseDone {
		return nil, journal.Run, err
	}
	plan, err := direct.PlanResume(ctx, k.Hub, k.Options)
	resumed, err := k.planOf(ctx, plan, err)
	return resumed, journal.Run, err
}

// planOf makes a plan of the hub one for the clusters. What is done on a hub is
// done in all of them: a selection without some of them is refused, and those
// without the set are left out.
func (k Kept) planOf(ctx context.Context, plan *direct.Plan, err error) (*Plan, error) {
	if err != nil {
		return nil, err
	}
	p, err := k.look(ctx, plan)
	if err != nil {
		return nil, err
	}
	in, err := p.where(ctx)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, name := range in {
		if !slices.Contains(p.names(), name) {
			left = append(left, name)
		}
	}
	if len(left) > 0 {
		return nil, refused("the set is in %s, too, as the hub calls it, and what is done on a hub is done in all of its clusters: select these as well", strings.Join(left, ", "))
	}
	if len(in) > 0 { // else it was all but withdrawn: nobody knows where it was
		p.clusters = slices.DeleteFunc(p.clusters, func(c inventory.Cluster) bool { return !slices.Contains(in, p.known[c.Name]) })
	}
	p.only()
	if len(p.clusters) == 0 {
		return nil, refused("none of the clusters has joined it: select any that has, or let one join it first; with that it gives up what it has of the set")
	}
	p.at.spared = p.suspendedNow()
	return p.Plan, nil
}

// look makes a plan of the hub one that knows clusters and overrides. Clusters
// that have not joined the hub are left out.
func (k Kept) look(ctx context.Context, plan *direct.Plan) (*planner, error) {
	p := &planner{Plan: newPlan(k.Hub, k.Options, k.Reach), clusters: slices.Clone(k.Clusters)}
	strangers, err := p.know(ctx)
	if err != nil {
		return nil, err
	}
	p.Plan.Plan = plan
	p.clusters = slices.DeleteFunc(p.clusters, func(c inventory.Cluster) bool {
		return slices.ContainsFunc(strangers, func(s inventory.Cluster) bool { return s.Name == c.Name })
	})
	return p, p.recallOverrides()
}

// only forgets all clusters but the plan's own.
func (p *planner) only() {
	known := map[string]string{}
	for _, c := range p.clusters {
		known[c.Name] = p.known[c.Name]
	}
	p.known = known
}

// Has is true for a cluster, as the user calls it, that the plan is for.
func (p *Plan) Has(cluster string) bool { return p.known[cluster] != "" }

// Name is how the user calls a cluster of the hub; empty if it is none of the
// plan's.
func (p *Plan) Name(onHub string) string {
	for name, known := range p.known {
		if known == onHub {
			return name
		}
	}
	return ""
}

// where are the clusters that have something of the set, or are to have it, as the
// hub calls them.
func (p *planner) where(ctx context.Context) ([]string, error) {
	var in []string
	add := func(names ...string) {
		for _, name := range names {
			if !slices.Contains(in, name) && slices.Contains(p.joined, name) {
				in = append(in, name)
			}
		}
	}
	for _, c := range p.Changes {
		live, _ := c.State()
		for _, policy := range []*unstructured.Unstructured{live, c.Object.Unstructured} {
			if policy == nil || !propagates(policy) {
				continue
			}
			names, _, _ := unstructured.NestedStringSlice(policy.Object, "spec", "placement", "clusterAffinity", "clusterNames")
			add(names...)
		}
	}
	s, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	for _, works := range s.works {
		for cluster := range works {
			add(cluster)
		}
	}
	slices.Sort(in)
	return in, nil
}

// recallOverrides finds in the policies of a plan what clusters differ by.
func (p *Plan) recallOverrides() error {
	refs := map[string]set.Ref{}
	for _, c := range p.Changes {
		if isTemplate(c) {
			ref := set.RefOf(c.Object.Unstructured)
			refs[p.overrideName(ref)] = ref
			p.overrides = append(p.overrides, p.overrideName(ref))
		}
	}
	for _, c := range p.Changes {
		ref, is := refs[c.Object.GetName()]
		if !is || !isKept(c) || !isPolicy(c.Object.GroupVersionKind()) || propagates(c.Object.Unstructured) {
			continue
		}
		var policy policyv1alpha1.OverridePolicy // of the whole cluster it is the same
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(c.Object.Object, &policy); err != nil {
			return err
		}
		for _, rule := range policy.Spec.OverrideRules {
			if rule.TargetCluster == nil {
				continue
			}
			for _, cluster := range rule.TargetCluster.ClusterNames {
				p.overridden[overrideKey{ref.String(), cluster}] = appliedOverride{Policy: policy.Name, Overriders: rule.Overriders}
			}
		}
	}
	return nil
}
