package propagate

import (
	"context"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/hub"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

// HubRequest is what is brought to the clusters of a hub, by it.
type HubRequest struct {
	Hub inventory.Cluster
	// Rendered are the objects of each cluster, and Karmada's policies if there are
	// any.
	Rendered []render.Cluster
	// Weights divide replicas; that is left to the hub.
	Weights []weight.Weight
	Options direct.Options
}

// PlanHub plans on a hub. Nothing is written.
func PlanHub(ctx context.Context, f Fleet, r HubRequest) (*hub.Plan, []fanout.Failure) {
	return planBy(ctx, f, r.Hub, func(m *member.Member, clusters []inventory.Cluster) (*hub.Plan, error) {
		return hub.PlanHub(ctx, m, hub.Request{Rendered: r.Rendered, Weights: r.Weights, Options: r.Options, Clusters: clusters, Reach: f.Members.Member})
	})
}

// PlanHubRollback is PlanRollback on a hub, for all clusters that have the set by
// it.
func PlanHubRollback(ctx context.Context, f Fleet, by inventory.Cluster, o direct.Options, to int) (*hub.Plan, []fanout.Failure) {
	return planBy(ctx, f, by, func(m *member.Member, clusters []inventory.Cluster) (*hub.Plan, error) {
		return hub.PlanRollback(ctx, hub.Kept{Hub: m, Clusters: clusters, Reach: f.Members.Member, Options: o}, to)
	})
}

// PlanHubWithdraw is PlanWithdraw on a hub, for all clusters that have the set by
// it.
func PlanHubWithdraw(ctx context.Context, f Fleet, by inventory.Cluster, o direct.Options) (*hub.Plan, []fanout.Failure) {
	return planBy(ctx, f, by, func(m *member.Member, clusters []inventory.Cluster) (*hub.Plan, error) {
		return hub.PlanWithdraw(ctx, hub.Kept{Hub: m, Clusters: clusters, Reach: f.Members.Member, Options: o})
	})
}

// HubResumption is a run by a hub that did not end, as the hub remembers it.
type HubResumption struct {
	Resumption

	Plan *hub.Plan
}

// PlanHubResume is PlanResume on a hub; nil if the last run has ended. All waves
// have their turns again: those that are through pass at once.
func PlanHubResume(ctx context.Context, f Fleet, by inventory.Cluster, o direct.Options) (*HubResumption, []fanout.Failure) {
	r := &HubResumption{}
	var failed []fanout.Failure
	r.Plan, failed = planBy(ctx, f, by, func(m *member.Member, clusters []inventory.Cluster) (plan *hub.Plan, err error) {
		plan, r.Run, err = hub.PlanResume(ctx, hub.Kept{Hub: m, Clusters: clusters, Reach: f.Members.Member, Options: o})
		return plan, err
	})
	if r.Plan == nil {
		return nil, failed
	}
	left := slices.DeleteFunc(slices.Clone(f.Clusters), func(c inventory.Cluster) bool { return !r.Plan.Has(c.Name) })
	for _, names := range r.Run.Waves {
		var wave fanout.Wave
		for _, name := range names {
			at := slices.IndexFunc(left, func(c inventory.Cluster) bool { return c.Name == r.Plan.Name(name) })
			if at < 0 {
				r.Elsewhere = append(r.Elsewhere, name)
				continue
			}
			wave.Clusters = append(wave.Clusters, left[at])
			left = slices.Delete(left, at, at+1)
		}
		if len(wave.Clusters) > 0 {
			r.Waves = append(r.Waves, wave)
		}
	}
	if len(left) > 0 {
		r.Waves = append(r.Waves, fanout.Wave{Clusters: left})
	}
	return r, nil
}

// WithdrawHub takes a set out of the clusters of a hub.
func WithdrawHub(ctx context.Context, f Fleet, plan *hub.Plan, s Strategy, o Observer) fanout.Results[Outcome] {
	r := newRun(f, turns(f, plan), s, o)
	r.busy = f.Clusters
	r.withdraw(ctx)
	return r.results()
}

// InspectHub is Inspect by what a hub knows. A cluster without the set of that name
// is a *direct.NoSetError; a hub that fails is the one result.
func InspectHub(ctx context.Context, f Fleet, by inventory.Cluster, stateNamespace, name string) fanout.Results[[]direct.Status] {
	var found map[string][]direct.Status
	clusters, unknown := identified(ctx, f)
	asked := fanout.Collect(ctx, []inventory.Cluster{by}, f.Fanout, func(ctx context.Context, by inventory.Cluster) ([]direct.Status, error) {
		m, err := f.Members.Member(ctx, by)
		if err == nil {
			found, err = hub.Inspect(ctx, hub.Kept{Hub: m, Clusters: clusters, Options: direct.Options{Set: name, StateNamespace: stateNamespace}})
		}
		return nil, err
	})
	if asked[0].Err != nil {
		return asked
	}
	var results fanout.Results[[]direct.Status]
	for _, c := range f.Clusters {
		if isHub(c, by) {
			continue
		}
		result := fanout.Result[[]direct.Status]{Cluster: c, Value: found[c.Name]}
		at := slices.IndexFunc(unknown, func(failed fanout.Failure) bool { return failed.Cluster == c.Name })
		switch {
		case at >= 0:
			result.Err = unknown[at].Err
		case name != "" && len(found[c.Name]) == 0:
			result.Err = &direct.NoSetError{Name: name}
		}
		results = append(results, result)
	}
	return results
}

// planBy plans on a hub. What fails there is the hub's failure.
func planBy(ctx context.Context, f Fleet, by inventory.Cluster, plan func(*member.Member, []inventory.Cluster) (*hub.Plan, error)) (*hub.Plan, []fanout.Failure) {
	clusters, unknown := identified(ctx, f)
	if len(unknown) > 0 {
		return nil, unknown
	}
	var planned *hub.Plan
	m, err := f.Members.Member(ctx, by)
	if err == nil {
		planned, err = plan(m, clusters)
	}
	if err != nil {
		return nil, []fanout.Failure{{Cluster: by.Name, Err: err}}
	}
	return planned, nil
}

// identified are the clusters with their UIDs, by which a hub knows them: those of
// which none is recorded are asked.
func identified(ctx context.Context, f Fleet) (clusters []inventory.Cluster, unknown []fanout.Failure) {
	asked := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (string, error) {
		if c.UID != "" {
			return c.UID, nil
		}
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return "", err
		}
		identity, err := m.Identity(ctx)
		return identity.UID, err
	})
	for _, r := range asked {
		if r.Err == nil {
			r.Cluster.UID = r.Value
			clusters = append(clusters, r.Cluster)
		}
	}
	return clusters, asked.Failures(nil)
}

// turns are the parts that clusters have in a plan of a hub.
func turns(f Fleet, plan *hub.Plan) map[string]Engine {
	list := make(map[string]Engine, len(f.Clusters))
	for _, c := range f.Clusters {
		list[c.Name] = byHub{plan.Turn(c.Name)}
	}
	return list
}

// isHub is true for a cluster that is the hub itself.
func isHub(c, by inventory.Cluster) bool { return c.Context != "" && c.Context == by.Context }

// On is the fleet with the clusters that a plan of a hub is for. lacking are the
// others.
func (f Fleet) On(plan *hub.Plan, by inventory.Cluster) (there Fleet, lacking []string) {
	there = f
	there.Clusters = nil
	for _, c := range f.Clusters {
		if plan.Has(c.Name) {
			there.Clusters = append(there.Clusters, c)
		} else if !isHub(c, by) {
			lacking = append(lacking, c.Name)
		}
	}
	return there, lacking
}
