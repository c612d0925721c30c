// Package propagate is the domain of bringing an application to many clusters.
// Each of its nouns is a package below it; docs/propagating.md says how they fit
// together.
package propagate

import (
	"context"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
)

// Fleet is whom something is brought to, and how they are talked to.
type Fleet struct {
	Clusters []inventory.Cluster
	Members  *member.Pool
	Fanout   fanout.Options
}

// Request is what is brought there.
type Request struct {
	// Objects are those of each cluster, by its name, as they are applied.
	Objects map[string][]manifest.Object
	Options direct.Options
}

// Plan plans for every cluster, side by side. Nothing is written. Two that turn
// out to be one cluster, or a copy of it, are refused.
func Plan(ctx context.Context, f Fleet, r Request) fanout.Results[*direct.Plan] {
	r.Options.Forms = direct.NewForms()
	planned := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (*direct.Plan, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		return direct.PlanCluster(ctx, m, r.Objects[c.Name], r.Options)
	})
	planned.RefuseTwins(func(p *direct.Plan) string { return p.UID })
	return planned
}
