// Package propagate is the domain of bringing an application to many clusters.
// Each of its nouns is a package below it; docs/propagating.md says how they fit
// together.
package propagate

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
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
	planned := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (*direct.Plan, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		return direct.PlanCluster(ctx, m, r.Objects[c.Name], r.Options)
	})
	first := map[string]string{}
	for i, p := range planned {
		if p.Err != nil {
			continue
		}
		if other, twice := first[p.Value.UID]; twice {
			planned[i].Err = &member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf("it is the cluster %s again, or a copy of it: both have the UID %s", other, p.Value.UID)}
		}
		first[p.Value.UID] = p.Cluster.Name
	}
	return planned
}

// Strategy is how a run goes from cluster to cluster.
type Strategy struct {
	// Waves are the clusters, by name, in the order in which they have their turn.
	Waves [][]string
	Gate  direct.Gate
	// By is who begins the run, as USER@HOST.
	By string
}

// Observer hears how a run goes on, from several goroutines at once.
type Observer interface {
	// Wave: a wave begins, counted from 1.
	Wave(number, of int, clusters []string)
	// Looked: a cluster was looked at in its gate.
	Looked(cluster string, h direct.Health)
	// Finished: a cluster passed its gate, or failed.
	Finished(cluster string, err error, took time.Duration)
}

// Run applies plans, wave by wave. The results are in the order of the clusters;
// one that had no turn is skipped.
func Run(ctx context.Context, f Fleet, plans map[string]*direct.Plan, s Strategy, o Observer) fanout.Results[direct.Health] {
	run := set.Run{
		ID: rand.Text(), By: s.By, Started: time.Now().UTC().Format(time.RFC3339), Waves: s.Waves, Bake: s.Gate.Bake.String(),
	}
	prepared := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (direct.Health, error) {
		if plans[c.Name].Idle() {
			return direct.Health{}, nil
		}
		return direct.Health{}, plans[c.Name].Prepare(ctx, run)
	})
	if len(prepared.Failures(nil)) > 0 || ctx.Err() != nil {
		return prepared
	}
	results := map[string]fanout.Result[direct.Health]{}
	for i, wave := range s.Waves {
		o.Wave(i+1, len(s.Waves), wave)
		turn := f
		turn.Clusters = named(f.Clusters, wave)
		done := fanout.Collect(ctx, turn.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (direct.Health, error) {
			began := time.Now()
			health, err := one(ctx, plans[c.Name], s.Gate, func(h direct.Health) { o.Looked(c.Name, h) })
			o.Finished(c.Name, err, time.Since(began))
			return health, err
		})
		for _, r := range done {
			results[r.Cluster.Name] = r
		}
		if failed := done.Failures(nil); len(failed) > 0 {
			return inOrder(f.Clusters, results, &fanout.StoppedError{First: failed[0].Cluster, Err: failed[0].Err})
		}
	}
	return inOrder(f.Clusters, results, nil)
}

// one brings a set to one cluster.
func one(ctx context.Context, p *direct.Plan, gate direct.Gate, look func(direct.Health)) (direct.Health, error) {
	var health direct.Health
	if p.Idle() {
		return health, nil
	}
	if err := p.Apply(ctx, func(*direct.Change) {}); err != nil {
		return health, err
	}
	err := p.Await(ctx, gate, func(h direct.Health) {
		health = h
		look(h)
	})
	if err != nil {
		return health, err
	}
	return health, p.Finish(ctx)
}

func named(clusters []inventory.Cluster, names []string) []inventory.Cluster {
	var found []inventory.Cluster
	for _, name := range names {
		for _, c := range clusters {
			if c.Name == name {
				found = append(found, c)
			}
		}
	}
	return found
}

// inOrder are the results in the order of the clusters. Those without one were
// skipped, because of stopped.
func inOrder(clusters []inventory.Cluster, results map[string]fanout.Result[direct.Health], stopped error) fanout.Results[direct.Health] {
	var all fanout.Results[direct.Health]
	for _, c := range clusters {
		r, had := results[c.Name]
		if !had {
			r = fanout.Result[direct.Health]{Cluster: c, Err: &fanout.SkippedError{Cause: stopped}}
		}
		all = append(all, r)
	}
	return all
}
