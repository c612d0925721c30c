package scale

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/budget"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/evict"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/snapshot"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Order is how a run goes from cluster to cluster.
type Order struct {
	// Clusters is how many are at work at once, after the first, which is alone.
	Clusters int
	// Failures is how many may fail until no other begins.
	Failures int
}

// Outcome is what a run came to in one cluster.
type Outcome struct {
	Journal journal.Journal
}

// Down does plans. Every cluster remembers its own before any is changed. The first
// is alone then, the others follow, some at once, as long as few enough fail. Of one
// that had no turn the run can be resumed.
func Down(ctx context.Context, f Fleet, plans map[string]*v1alpha1.ScalePlan, r Request, s Settings, o Order, observer Observer) fanout.Results[Outcome] {
	begin := func(ctx context.Context, c inventory.Cluster, m *member.Member) (journal.Journal, error) {
		return journalOf(plans[c.Name], s), unchanged(ctx, m, plans[c.Name], r)
	}
	return inTurn(ctx, f, s, o, begin, func(ctx context.Context, c inventory.Cluster, m *member.Member, j *journal.Run) error {
		one := &clusterRun{cluster: c.Name, member: m, request: r, settings: s, observer: observer, journal: j}
		if len(f.Clusters) > 1 { // it may have been long until its turn came
			one.check = func(ctx context.Context) error { return unchanged(ctx, m, plans[c.Name], r) }
		}
		return one.run(ctx)
	})
}

// RunningError is a run that has not come to its end.
type RunningError struct{ Journal journal.Journal }

func (e *RunningError) Error() string {
	return fmt.Sprintf("run %s of %s, begun %s, has not come to its end", e.Journal.Run, e.Journal.By, e.Journal.Started)
}

// Reason classifies the failure.
func (*RunningError) Reason() member.Reason { return member.ReasonRefused }

// mayBegin is an error while an earlier run has something left to do.
func mayBegin(before *journal.Run) error {
	if before == nil || before.Phase == journal.Done || before.Phase == journal.Aborted {
		return nil
	}
	return &RunningError{before.Journal}
}

// StaleError is a plan that is no longer about the cluster as it is.
type StaleError struct{ What []string }

func (e *StaleError) Error() string {
	return "it is no longer as it was planned: " + strings.Join(e.What, "; ")
}

// Reason classifies the failure.
func (*StaleError) Reason() member.Reason { return member.ReasonRefused }

// unchanged is a *StaleError if what a plan relies on is another now: the cluster, the
// nodes, the counts of their owners, the specs of budgets.
func unchanged(ctx context.Context, m *member.Member, plan *v1alpha1.ScalePlan, r Request) error {
	s, err := snapshot.ReadNodes(ctx, m)
	if err != nil {
		return err
	}
	var what []string
	if s.UID != plan.ClusterUID {
		return &StaleError{[]string{"it is another cluster"}}
	}
	var nodes []int
	for _, n := range plan.Nodes {
		at := slices.IndexFunc(s.Nodes, func(is *corev1.Node) bool { return is.Name == n.Name && is.UID == n.UID })
		if at < 0 {
			what = append(what, fmt.Sprintf("node %s is gone, or another of that name is there", n.Name))
			continue
		}
		nodes = append(nodes, at)
	}
	index := budget.NewIndex(s.Budgets)
	for _, need := range plan.Budgets {
		for _, b := range index.All() {
			if b.Namespace == need.Namespace && b.Name == need.Name && (b.UID != need.UID || b.Generation != need.Generation) {
				what = append(what, fmt.Sprintf("PodDisruptionBudget %s asks for something else", b.Key()))
			}
		}
	}
	if !plan.KeepNodes {
		asked := make([]*corev1.Node, len(nodes))
		for i, at := range nodes {
			asked[i] = s.Nodes[at]
		}
		c, err := claim(ctx, r.Removers(m), asked)
		if err != nil {
			return err
		}
		for _, n := range plan.Nodes {
			if change := c.change(n); change != "" && !slices.Contains(what, change) { // an owner has several nodes
				what = append(what, change)
			}
		}
	}
	if len(what) > 0 {
		return &StaleError{what}
	}
	return nil
}

// change is in what the owner of a node is no longer as it was planned; empty if it is.
func (c claims) change(n v1alpha1.LeavingNode) string {
	is, owned := c.owners[n.Name]
	b, blocked := c.blocked[n.Name]
	switch {
	case blocked && !owned:
		return Sentence(v1alpha1.BlockedNode{Name: n.Name, Blockers: []v1alpha1.Blocker{b}})
	case is.UID != n.Owner.UID || (is.Count == nil) != (n.Owner.Count == nil):
		return fmt.Sprintf("node %s is kept by another than %s %s", n.Name, n.Owner.Kind, n.Owner.Name)
	case is.Count != nil && *is.Count != *n.Owner.Count:
		return fmt.Sprintf("%s %s has a count of %d, and had %d", is.Kind, is.Name, *is.Count, *n.Owner.Count)
	}
	return ""
}

// journalOf is how a run of a plan begins.
func journalOf(plan *v1alpha1.ScalePlan, s Settings) journal.Journal {
	j := newJournal(s)
	j.Options.KeepNodes = plan.KeepNodes
	for _, n := range plan.Nodes {
		j.Nodes = append(j.Nodes, journal.Node{
			Node: remove.Node{Name: n.Name, UID: n.UID, Zone: n.Zone}, Wave: n.Wave, Owner: n.Owner, Phase: journal.Waiting,
		})
	}
	return j
}

// newJournal is how every run begins.
func newJournal(s Settings) journal.Journal {
	return journal.Journal{
		Run: strings.ToLower(rand.Text()[:10]), By: s.By, Started: time.Now().UTC().Format(time.RFC3339), Phase: journal.Running, Options: s.Journal,
	}
}

// Resume takes up the runs of clusters where they stopped. Clusters without one are
// no failure.
func Resume(ctx context.Context, f Fleet, r func(journal.Options) (Request, error), s Settings, o Order, observer Observer) fanout.Results[Outcome] {
	return turns(ctx, f, o, func(ctx context.Context, c inventory.Cluster, m *member.Member) (Outcome, error) {
		store := state.Store{Member: m, Namespace: s.StateNamespace}
		seen, err := journal.Load(ctx, store)
		if err != nil {
			return Outcome{}, err
		}
		if mayBegin(seen) == nil {
			// Who was killed when all was done has left the lock: it is taken, and given back.
			if locked, err := store.IsLocked(ctx, journal.LockName); err != nil || !locked {
				return Outcome{}, err
			}
		}
		if mayBegin(seen) != nil {
			if err := mayResume(ctx, m, seen, s.StateNamespace); err != nil {
				return Outcome{}, err
			}
		}
		return under(ctx, m, s, func(ctx context.Context, store state.Store) (Outcome, error) {
			j, err := journal.Load(ctx, store)
			if err != nil || mayBegin(j) == nil {
				return Outcome{}, err
			}
			request, err := r(j.Options)
			if err != nil {
				return Outcome{Journal: j.Journal}, err
			}
			again := s
			again.Grace, again.Journal = j.Options.Grace, j.Options
			if again.Timeout, err = time.ParseDuration(j.Options.Timeout); err != nil {
				return Outcome{Journal: j.Journal}, err
			}
			if again.Settle, err = time.ParseDuration(j.Options.Settle); err != nil {
				return Outcome{Journal: j.Journal}, err
			}
			j.Phase, j.Why = journal.Running, ""
			if err := j.Save(ctx); err != nil {
				return Outcome{Journal: j.Journal}, err
			}
			one := &clusterRun{cluster: c.Name, member: m, request: request, settings: again, observer: observer, journal: j}
			err = one.run(ctx)
			return Outcome{Journal: j.Journal}, err
		})
	})
}

// DefaultStateNamespace is where runs are remembered, unless the user says otherwise.
const DefaultStateNamespace = state.DefaultNamespace

// IsTimeout is true for the error of a run that ran out of time, and changed nothing
// that it did not take back.
func IsTimeout(err error) bool {
	_, late := errors.AsType[*evict.TimeoutError](err)
	_, shut := errors.AsType[*GateError](err)
	_, missing := errors.AsType[*ArrivalError](err)
	return late || shut || missing
}

// IsTaken is true for the error of a run before which somebody else was at work.
func IsTaken(err error) bool {
	_, locked := errors.AsType[*state.LockedError](err)
	return locked
}

// Status reads the journals of clusters; nil where none is.
func Status(ctx context.Context, f Fleet, namespace string) fanout.Results[*journal.Run] {
	return fanout.Collect(ctx, f.Clusters, f.Fanout, func(ctx context.Context, c inventory.Cluster) (*journal.Run, error) {
		m, err := f.Members.Member(ctx, c)
		if err != nil {
			return nil, err
		}
		return journal.Load(ctx, state.Store{Member: m, Namespace: namespace})
	})
}

// RulesOf are the rules that a run was begun with.
func RulesOf(o journal.Options) (candidate.PodRules, error) {
	rules := candidate.PodRules{Force: o.Force, DeleteEmptyDirData: o.DeleteEmptyDirData}
	if o.PodSelector == "" {
		return rules, nil
	}
	var err error
	rules.Selector, err = labels.Parse(o.PodSelector)
	return rules, err
}
