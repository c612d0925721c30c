package propagate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/capacity"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
)

// Qualify asks the clusters for the hardware that policies demand, and leaves each
// policy those that have it, the preferred and the freest first. The notes say what
// was found, and of each cluster that is left out why.
func Qualify(ctx context.Context, f Fleet, policies *policy.Set) (notes []string, failures []fanout.Failure, err error) {
	demands := policies.Hardware()
	if len(demands) == 0 {
		return nil, nil, nil
	}
	asked := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (*capacity.Free, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		return capacity.Read(ctx, m)
	})
	if failures := asked.Failures(nil); len(failures) > 0 {
		return nil, failures, nil
	}
	for _, demand := range demands {
		candidates := demand.Candidates(render.TargetsOf(f.Clusters))
		var fit []qualified
		for _, r := range asked {
			if !slices.ContainsFunc(candidates, func(t policy.Target) bool { return t.Name == r.Cluster.Name }) {
				continue
			}
			q := qualify(r.Cluster.Name, r.Value, demand)
			notes = append(notes, fmt.Sprintf("%s: %s: %s", demand.Origin(), q.cluster, q.says))
			if q.has {
				fit = append(fit, q)
			}
		}
		sort.SliceStable(fit, func(i, j int) bool {
			return cmp.Or(cmp.Compare(fit[j].score, fit[i].score), fit[j].free.Cmp(fit[i].free)) < 0
		})
		names := make([]string, len(fit))
		for i, q := range fit {
			names[i] = q.cluster
		}
		if err := demand.Narrow(names); err != nil {
			return notes, nil, err
		}
	}
	return notes, nil, nil
}

// qualified is what a cluster has of the hardware that a policy demands.
type qualified struct {
	cluster string
	has     bool
	says    string
	score   int64
	// free is of the first resource.
	free resource.Quantity
}

func qualify(cluster string, free *capacity.Free, demand *policy.Hardware) qualified {
	q := qualified{cluster: cluster, has: true, score: free.Score(demand.Preferences)}
	var says []string
	for i, r := range demand.Requirements {
		has := free.Hardware(r)
		if i == 0 {
			q.free = has
		}
		text := fmt.Sprintf("%s of %s is free", has.String(), r.Resource)
		if len(r.Models) > 0 {
			text += " on nodes that fit"
		}
		if has.Cmp(r.Min) < 0 {
			q.has = false
			text += fmt.Sprintf(", and %s is needed: left out", r.Min.String())
		}
		says = append(says, text)
	}
	q.says = strings.Join(says, "; ")
	return q
}
