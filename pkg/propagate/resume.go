package propagate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

// Resumption is a run that did not end, as the clusters remember it.
type Resumption struct {
	Run set.Run
	// Planned are the plans of the clusters of the run; what a cluster is through
	// with is not done again.
	Planned fanout.Results[*direct.Plan]
	// Waves are those of the run.
	Waves []fanout.Wave
	// Through are the clusters that have had their turn.
	Through []inventory.Cluster
	// Elsewhere are the clusters of the run, as it called them, that are not among
	// those that were asked.
	Elsewhere []string
}

// Bake is how long the run wants all to stay healthy.
func (r *Resumption) Bake() time.Duration {
	bake, _ := time.ParseDuration(r.Run.Bake) // of a run without one it is empty
	return bake
}

// PlanResume finds the run of a set that did not end, and plans to go on with it;
// nil if all have ended. failed are the clusters that cannot say.
func PlanResume(ctx context.Context, f Fleet, o direct.Options) (resumption *Resumption, failed []fanout.Failure, err error) {
	journals := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (set.Journal, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return set.Journal{}, err
		}
		journal, _, err := direct.LastRun(ctx, m, o)
		return journal, err
	})
	if failed = journals.Failures(nil); len(failed) > 0 {
		return nil, failed, nil
	}
	r, err := unendedOf(journals)
	if r == nil || err != nil {
		return nil, nil, err
	}
	waves := map[int][]inventory.Cluster{}
	var clusters []inventory.Cluster
	for _, j := range journals {
		if j.Value.Run.ID != r.Run.ID {
			continue
		}
		clusters = append(clusters, j.Cluster)
		waves[j.Value.Run.Wave] = append(waves[j.Value.Run.Wave], j.Cluster)
		if j.Value.Phase == set.PhaseDone {
			r.Through = append(r.Through, j.Cluster)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(waves)) {
		r.Waves = append(r.Waves, fanout.Wave{Clusters: waves[number]})
	}
	r.Planned = fanout.Collect(ctx, clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (*direct.Plan, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		return direct.PlanResume(ctx, m, o)
	})
	return r, nil, nil
}

// unendedOf is the run that did not end, without plans; nil if there is none.
// Several of them, and one that not all clusters had heard of when it ended, are
// refused: nobody but who began them can say what is meant.
func unendedOf(journals fanout.Results[set.Journal]) (*Resumption, error) {
	var r *Resumption
	for _, j := range journals {
		journal := &j.Value
		if journal.Revision == 0 || journal.Phase == set.PhaseDone {
			continue
		}
		if r != nil && r.Run.ID != journal.Run.ID {
			return nil, refusal("two runs did not end: one of %s, begun %s, and one of %s, begun %s; name the clusters of one with -C",
				r.Run.By, r.Run.Started, journal.Run.By, journal.Run.Started)
		}
		r = &Resumption{Run: journal.Run}
	}
	if r == nil {
		return nil, nil
	}
	begun := slices.ContainsFunc(journals, func(j fanout.Result[set.Journal]) bool {
		return j.Value.Run.ID == r.Run.ID && j.Value.Phase != set.PhasePending
	})
	for _, name := range slices.Concat(r.Run.Waves...) {
		at := slices.IndexFunc(journals, func(j fanout.Result[set.Journal]) bool { return j.Cluster.Name == name })
		switch {
		case at < 0:
			r.Elsewhere = append(r.Elsewhere, name)
		case journals[at].Value.Run.ID != r.Run.ID && !begun:
			return nil, refusal("the run of %s, begun %s, ended before %s had heard of it: nothing of it was applied; propagate again", r.Run.By, r.Run.Started, name)
		}
	}
	return r, nil
}

func refusal(format string, args ...any) error {
	return &member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf(format, args...)}
}
