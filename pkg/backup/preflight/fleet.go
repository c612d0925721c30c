package preflight

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// Holder knows what is held still in a member; quiesce.Run is one.
type Holder interface {
	// Plan finds what is held. An action that finds nothing is an error that names it.
	Plan(ctx context.Context, m *member.Member) ([]v1alpha1.Hold, error)
	// Rehearse does all that a hold needs, and holds nothing; or it says what lacks.
	Rehearse(ctx context.Context, m *member.Member, h v1alpha1.Hold) error
}

// Fleet is the clusters of a policy, and the way to them.
type Fleet struct {
	Clusters []inventory.Cluster
	Members  *member.Pool
	Fanout   fanout.Options
	// State is the namespace of each that remembers runs.
	State string
}

// All looks at all members of a policy at once, rehearses what is held in them, and
// compares them with one another.
func All(ctx context.Context, f Fleet, p *v1alpha1.BackupSchedule, h Holder) fanout.Results[Report] {
	results := fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (Report, error) {
		of := policy.Member(p, c.Name)
		if of == nil {
			of = &v1alpha1.BackupMember{Cluster: c.Name}
		}
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return Report{}, err
		}
		return one(ctx, m, p, *of, h, f.State)
	})
	shares := Shared(results)
	for i := range results {
		results[i].Value.Refusals = append(results[i].Value.Refusals, shares[results[i].Cluster.Name]...)
	}
	return results
}

// one looks at one member, and rehearses what is held in it.
func one(ctx context.Context, m *member.Member, p *v1alpha1.BackupSchedule, of v1alpha1.BackupMember, h Holder, state string) (Report, error) {
	holds, planning := h.Plan(ctx, m)
	if planning != nil && member.IsAway(planning) {
		return Report{}, planning
	}
	r, err := Look(ctx, m, p, of, holds, state)
	if err != nil {
		return r, err
	}
	if planning != nil {
		r.refuse(CheckHolds, fixOf(planning, "mend the action, or say with its clusters where it is meant for"), "%v", planning)
	}
	for i, err := range rehearsed(ctx, m, h, holds) {
		if err != nil {
			if member.IsAway(err) {
				return r, err
			}
			hold := holds[i]
			r.refuse(CheckHolds, fixOf(err, "see whether kubectl exec runs a shell there; if it cannot, name another container, or hold by scale or patch"), "%s/%s cannot be held: %v", hold.Namespace, hold.Name, err)
		}
	}
	return r, ctx.Err()
}

// fixOf is what an error says can be done about it, or else what mostly can.
func fixOf(err error, otherwise string) string {
	type fixable interface {
		error
		Fix() string
	}
	if e, is := errors.AsType[fixable](err); is {
		return e.Fix()
	}
	if member.LacksRights(err) {
		return fixRights
	}
	return otherwise
}

// fixRights is what helps somebody who may not do what an error names.
const fixRights = "a role that allows it, bound to you"

// rehearsals are how many of a member are at work at once.
const rehearsals = 8

// rehearsed rehearses all holds of a member, and returns what is wrong with each.
func rehearsed(ctx context.Context, m *member.Member, h Holder, holds []v1alpha1.Hold) []error {
	wrong := make([]error, len(holds))
	turns := make(chan struct{}, rehearsals)
	var working sync.WaitGroup
	for i, hold := range holds {
		turns <- struct{}{}
		working.Go(func() {
			defer func() { <-turns }()
			wrong[i] = h.Rehearse(ctx, m, hold)
		})
	}
	working.Wait()
	return wrong
}

// Shared are refusals of members whose Velero writes where another's does: each takes
// the other's backups for its own, and two of one name are one.
func Shared(results fanout.Results[Report]) map[string][]Finding {
	found := map[string][]Finding{}
	for i, a := range results {
		for k, b := range results {
			if i == k || a.Err != nil || b.Err != nil || a.Value.Member.Location.Bucket == "" || !sameStore(a.Value, b.Value) {
				continue
			}
			place := a.Value.Member.Location
			where := strings.TrimSuffix(place.Bucket+"/"+place.Prefix, "/")
			r := Report{}
			r.refuse(CheckLocation, "give each cluster a prefix of its own", "it writes to %s, and so does %s, or below it: each would take the other's backups for its own", where, b.Cluster.Name)
			found[a.Cluster.Name] = append(found[a.Cluster.Name], r.Refusals...)
		}
	}
	return found
}

// sameStore is true if one of two places is the other, or within it.
func sameStore(a, b Report) bool {
	if a.Store != b.Store || a.Member.Location.Bucket != b.Member.Location.Bucket {
		return false
	}
	within := func(inner, outer string) bool {
		return inner == outer || outer == "" || strings.HasPrefix(inner, outer+"/")
	}
	x, y := a.Member.Location.Prefix, b.Member.Location.Prefix
	return within(x, y) || within(y, x)
}
