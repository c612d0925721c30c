package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/quiesce"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/state"
)

// Recovered is what became of a run that stopped before its end.
type Recovered struct {
	// Execution is what is known of it now.
	Execution *v1alpha1.BackupExecution
	Err       error
}

// Unfinished are the runs that have come to no end, by their set's name.
func Unfinished(sets []Set) []Set {
	return slices.DeleteFunc(slices.Clone(sets), func(s Set) bool { return s.Ended() })
}

// Recover brings a run to its end that stopped before: what is held is released, what
// Velero was asked for is waited for, and what is known is judged and sealed. It
// freezes nothing, and asks for no member's Backup. Done twice, it does nothing.
func Recover(ctx context.Context, s Set, settings Settings, observer Observer) Recovered {
	r := &run{
		set: s.Execution.Name, policy: &s.Execution.Spec.Policy, settings: settings, observer: observer, others: true,
		hold: quiesce.Run{Name: s.Execution.Name, Token: rand.String(8), Policy: &s.Execution.Spec.Policy, Now: settings.Clock.Now},
	}
	fail := func(err error) Recovered { return Recovered{Execution: &s.Execution, Err: err} }
	for _, at := range s.At {
		p := &part{
			cluster: at.Cluster, uid: at.UID, member: at.Member, required: true,
			store:  state.Store{Member: at.Member, Namespace: settings.StateNamespace},
			velero: velero.Server{Member: at.Member, Namespace: r.policy.Spec.Velero.Namespace},
		}
		if own := set.MemberOf(&s.Execution, at.UID); own != nil {
			m := policy.Member(r.policy, own.Cluster)
			if m == nil {
				return fail(fmt.Errorf("%s is no member of the policy that the run was begun with", own.Cluster))
			}
			var err error
			if p.backup, err = policy.Backup(r.policy, *m); err != nil {
				return fail(err)
			}
		}
		r.parts = append(r.parts, p)
	}
	defer r.unlock(context.WithoutCancel(ctx))
	if err := r.lock(ctx); err != nil {
		return fail(&RefusedError{Err: err})
	}
	e, err := r.recover(ctx, s)
	return Recovered{Execution: e, Err: err}
}

func (r *run) recover(ctx context.Context, s Set) (*v1alpha1.BackupExecution, error) {
	r.each(ctx, r.live(), func(ctx context.Context, p *part) (err error) {
		p.journal, err = set.Load(ctx, p.store, p.uid, r.set)
		return err
	})
	if err := r.requiredLost(); err != nil {
		return &s.Execution, err
	}
	r.parts = slices.DeleteFunc(r.parts, func(p *part) bool { return p.journal == nil })
	if len(r.parts) == 0 {
		return &s.Execution, errors.New("somebody else has deleted what was known of it")
	}
	if e := r.merged(); e.Status.Phase == v1alpha1.BackupSealed { // somebody was quicker, or was killed while sealing
		return r.reseal(ctx, e)
	}
	held := r.held()
	before := make([]v1alpha1.BackupInstants, len(held))
	for i, p := range held {
		before[i] = p.own().Instants
	}
	err := r.release(ctx, held)
	for i, p := range held {
		p.own().Instants = before[i] // what was added is of another clock
	}
	if err != nil {
		r.end(ctx, v1alpha1.BackupReleasing)
		return r.merged(), err
	}
	for _, p := range r.parts {
		for i := range p.journal.Status.Members {
			if m := &p.journal.Status.Members[i]; slices.Contains(s.blank, m.UID) && m.Missing == "" {
				m.Missing = "nothing was begun there"
			}
		}
	}
	if missing := s.Silent(); len(missing) > 0 {
		r.end(ctx, v1alpha1.BackupFinishing)
		return r.merged(), &SilentError{Clusters: missing}
	}
	begun := false
	r.each(ctx, r.live(), func(ctx context.Context, p *part) error {
		b, err := p.velero.Backup(ctx, p.own().Backup.Name)
		if member.IsObjectNotFound(err) {
			return nil
		}
		if err == nil {
			note(p.own(), b)
		}
		return err
	})
	if err := r.requiredLost(); err != nil {
		return r.merged(), err
	}
	for _, p := range r.parts {
		begun = begun || p.own().Backup.UID != ""
	}
	if !begun {
		if untold := r.end(ctx, v1alpha1.BackupAborted); len(untold) > 0 {
			return r.merged(), &AbortedError{Err: errors.New("no Backup was asked for"), Untold: untold}
		}
		return r.merged(), nil
	}
	r.end(ctx, v1alpha1.BackupFinishing)
	return r.finish(ctx)
}

// held are the members of which it is not known that all was released.
func (r *run) held() []*part {
	var held []*part
	for _, p := range r.parts {
		if slices.ContainsFunc(p.own().Holds, r.isUnreleased) {
			held = append(held, p)
		}
	}
	return held
}

// reseal gives the manifest to the members that do not have it yet.
func (r *run) reseal(ctx context.Context, e *v1alpha1.BackupExecution) (*v1alpha1.BackupExecution, error) {
	var failed []error
	for _, p := range r.parts {
		if p.journal.Status.Phase == v1alpha1.BackupSealed {
			continue
		}
		if err := p.give(ctx, e); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", p.cluster.Name, err))
		}
	}
	return e, sealError(r.set, failed)
}

// SilentError is a run that cannot be judged since some of its members do not answer.
type SilentError struct{ Clusters []string }

func (e *SilentError) Error() string {
	return fmt.Sprintf("%s may have taken part, and nothing is known of it now: what it holds is released by its deadmen; recover again with it, once it is selected and answers", strings.Join(e.Clusters, ", "))
}
