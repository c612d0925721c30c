package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/preflight"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/quiesce"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Plan is a set that is about to be made, after preflight.
type Plan struct {
	// Name is the set's.
	Name   string
	Policy *v1alpha1.BackupSchedule
	// Members are what preflight found, in the policy's order.
	Members []PlannedMember
	// CutBudget is about how long the slowest cut takes.
	CutBudget time.Duration

	fleet Fleet
}

// PlannedMember is what preflight says of a member.
type PlannedMember struct {
	Cluster  string
	Required bool
	preflight.Report
	// Err is why nothing is known of it; nil if something is.
	Err error

	cluster inventory.Cluster
	member  *member.Member
	spec    v1alpha1.BackupMember
}

// Out is why a member cannot be in the set; nil if it can.
func (m *PlannedMember) Out() error {
	if m.Err != nil {
		return m.Err
	}
	var all []error
	for _, f := range m.Refusals {
		text := f.Check + ": " + f.Message
		if f.Fix != "" {
			text += ": " + f.Fix
		}
		all = append(all, &member.Error{Reason: member.ReasonRefused, Err: errors.New(text)})
	}
	return errors.Join(all...)
}

// RefusedError is a set that was not begun. Nothing was changed.
type RefusedError struct{ Err error }

func (e *RefusedError) Error() string { return e.Err.Error() }

func (e *RefusedError) Unwrap() error { return e.Err }

// Reason classifies the failure.
func (*RefusedError) Reason() member.Reason { return member.ReasonRefused }

// Prepare asks all members of a policy whether a set can be made. It changes nothing.
// With rehearse every hold is tried in its target, with commands that do nothing.
func Prepare(ctx context.Context, f Fleet, p *v1alpha1.BackupSchedule, s Settings, rehearse bool) (*Plan, error) {
	plan := &Plan{Name: p.Name + "-" + rand.String(4), Policy: p, fleet: f}
	ordered := preflight.Fleet{Members: f.Members, Fanout: f.Fanout, State: s.StateNamespace}
	for _, m := range p.Spec.Members {
		at := slices.IndexFunc(f.Clusters, func(c inventory.Cluster) bool { return c.Name == m.Cluster })
		if at < 0 {
			return nil, fmt.Errorf("the policy's member %s is not among the selected clusters", m.Cluster)
		}
		ordered.Clusters = append(ordered.Clusters, f.Clusters[at])
	}
	if err := deadmanless(p, s.NoDeadman); err != nil {
		return nil, err
	}
	var holder preflight.Holder = quiesce.Run{Name: plan.Name, Policy: p, Now: s.Clock.Now}
	if !rehearse {
		holder = unrehearsed{holder}
	}
	results := preflight.All(ctx, ordered, p, holder)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	results.RefuseTwins(func(r preflight.Report) string { return string(r.Member.UID) })
	for i, r := range results {
		is := PlannedMember{Cluster: r.Cluster.Name, Required: *p.Spec.Members[i].Required, Report: r.Value, Err: r.Err, cluster: r.Cluster, spec: p.Spec.Members[i]}
		if is.Err == nil {
			is.member, is.Err = f.Members.Member(ctx, r.Cluster)
		}
		plan.Members = append(plan.Members, is)
		plan.CutBudget = max(plan.CutBudget, is.CutBudget)
	}
	plan.refuseUnfinished(ctx, s)
	return plan, ctx.Err()
}

// membersOf names the clusters of a run, as -C takes them.
func membersOf(j *set.Journal) string {
	var names []string
	for _, m := range j.Status.Members {
		names = append(names, m.Cluster)
	}
	return strings.Join(names, ",")
}

// refuseUnfinished refuses members that a run has not come to its end in: what it holds
// would be let go by its own deadman, or by recover, while this one relies on it.
func (p *Plan) refuseUnfinished(ctx context.Context, s Settings) {
	var clusters []inventory.Cluster
	byName := map[string]*PlannedMember{}
	for i := range p.Members {
		if m := &p.Members[i]; m.Err == nil {
			clusters = append(clusters, m.cluster)
			byName[m.Cluster] = m
		}
	}
	for _, r := range fanout.Collect(ctx, clusters, p.fleet.Fanout, func(ctx context.Context, c inventory.Cluster) ([]*set.Journal, error) {
		m := byName[c.Name]
		return set.LoadAll(ctx, state.Store{Member: m.member, Namespace: cmp.Or(s.StateNamespace, DefaultStateNamespace)}, m.Member.UID)
	}) {
		m := byName[r.Cluster.Name]
		if r.Err != nil {
			m.Err = r.Err
			continue
		}
		for _, j := range r.Value {
			if mayHold(j) {
				m.Refusals = append(m.Refusals, preflight.Finding{
					Check: "Runs", Message: fmt.Sprintf("the run of %s has not come to its end, and may hold something still", j.Name),
					Fix: "wait for it, or bring it to its end: kubectl fleetbackup recover " + j.Name + " -C " + membersOf(j),
				})
			}
		}
	}
}

// mayHold is true for a run that may hold something in the cluster.
func mayHold(j *set.Journal) bool {
	switch j.Status.Phase {
	case v1alpha1.BackupFreezing, v1alpha1.BackupCutting, v1alpha1.BackupReleasing:
		own := j.Own()
		return own == nil || len(own.Holds) > 0
	case v1alpha1.BackupFinishing, v1alpha1.BackupSealed, v1alpha1.BackupAborted:
	}
	return false
}

// unrehearsed finds what would be held, and tries nothing in it.
type unrehearsed struct{ preflight.Holder }

// Rehearse implements preflight.Holder.
func (unrehearsed) Rehearse(context.Context, *member.Member, v1alpha1.Hold) error { return nil }

// deadmanless refuses what nothing would end if we died, unless that is allowed.
func deadmanless(p *v1alpha1.BackupSchedule, allowed bool) error {
	if allowed {
		return nil
	}
	for i, wave := range p.Spec.Quiesce {
		for k, a := range wave.Actions {
			if a.Exec == nil {
				return &RefusedError{Err: fmt.Errorf("spec.quiesce[%d].actions[%d] has no deadman: if we died, only recover would end it; --allow-no-deadman accepts that", i, k)}
			}
		}
	}
	return nil
}

// Refusal is why the set cannot be made; nil if it can.
func (p *Plan) Refusal() error {
	var all []error
	for i := range p.Members {
		m := &p.Members[i]
		if out := m.Out(); out != nil && m.Required {
			all = append(all, fmt.Errorf("%s: %w", m.Cluster, out))
		}
	}
	if left := p.Policy.Spec.MaxFreeze.Duration; len(all) == 0 && len(p.Policy.Spec.Quiesce) > 0 && p.CutBudget > left {
		all = append(all, fmt.Errorf("the cut takes about %s, and maxFreeze is %s: let it be longer, or Velero have more --item-block-worker-count", p.CutBudget, left))
	}
	if len(all) == 0 {
		return nil
	}
	return &RefusedError{Err: errors.Join(all...)}
}

// run is the plan's members, without those that are left out.
func (p *Plan) run(s Settings, observer Observer) (*run, error) {
	if err := p.Refusal(); err != nil {
		return nil, err
	}
	r := &run{
		set: p.Name, policy: p.Policy, settings: s, observer: observer,
		hold: quiesce.Run{Name: p.Name, Token: rand.String(8), Policy: p.Policy, Now: s.Clock.Now},
	}
	for i := range p.Members {
		m := &p.Members[i]
		part := &part{
			cluster: m.cluster, uid: m.Member.UID, member: m.member, required: m.Required, lost: m.Out(),
			store:  state.Store{Member: m.member, Namespace: s.StateNamespace},
			velero: velero.Server{Member: m.member, Namespace: p.Policy.Spec.Velero.Namespace},
		}
		var err error
		if part.backup, err = policy.Backup(p.Policy, m.spec); err != nil {
			return nil, err
		}
		r.parts = append(r.parts, part)
	}
	return r, nil
}

// Execution is how the run begins: the first state of its journals, of which each
// member has a copy of its own.
func (p *Plan) Execution(s Settings) v1alpha1.BackupExecution {
	e := v1alpha1.BackupExecution{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BackupExecutionKind},
		ObjectMeta: metav1.ObjectMeta{Name: p.Name},
		Spec:       v1alpha1.BackupExecutionSpec{Policy: *p.Policy, PolicyHash: policy.Hash(p.Policy), By: s.By, Version: s.Version},
		Status:     v1alpha1.BackupExecutionStatus{Phase: v1alpha1.BackupFreezing, Started: metav1.Now()},
	}
	for i := range p.Members {
		m := &p.Members[i]
		is := m.Member
		is.Cluster, is.Required, is.VeleroNamespace = m.Cluster, m.Required, p.Policy.Spec.Velero.Namespace
		is.Backup.Name = policy.BackupName(p.Name, m.Cluster, "")
		is.Holds = slices.Clone(is.Holds)
		is.Volumes = slices.Clone(is.Volumes)
		if lost := m.Out(); lost != nil {
			is.Missing = strings.ReplaceAll(lost.Error(), "\n", "; ")
		}
		e.Status.Members = append(e.Status.Members, is)
	}
	return e
}
