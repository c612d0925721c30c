package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
)

// Create makes a set as it was planned. What it returns is what is known of the set,
// also beside an error; nil if nothing was begun.
func (p *Plan) Create(ctx context.Context, s Settings, observer Observer) (*v1alpha1.BackupExecution, error) {
	r, err := p.run(s, observer)
	if err != nil {
		return nil, err
	}
	defer r.unlock(context.WithoutCancel(ctx))
	if err := r.lock(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, &RefusedError{Err: err}
	}
	return r.create(ctx, p)
}

func (r *run) create(ctx context.Context, plan *Plan) (*v1alpha1.BackupExecution, error) {
	r.each(ctx, r.live(), func(ctx context.Context, p *part) (err error) {
		p.journal, err = set.Begin(ctx, p.store, p.uid, plan.Execution(r.settings))
		return err
	})
	err := r.capture(ctx, plan.CutBudget)
	if ctx.Err() != nil {
		r.interrupted()
	}
	released := r.release(ctx, r.parts) // once more: what was released already is not asked
	switch {
	case released != nil:
		r.end(ctx, v1alpha1.BackupReleasing) // for recover
		return r.merged(), errors.Join(context.Cause(ctx), err, released)
	case err != nil:
		untold := r.end(ctx, v1alpha1.BackupAborted)
		return r.merged(), &AbortedError{Err: err, Untold: untold}
	}
	r.end(ctx, v1alpha1.BackupFinishing)
	if ctx.Err() != nil {
		return r.merged(), context.Cause(ctx)
	}
	if r.settings.Detach {
		return r.merged(), nil
	}
	return r.finish(ctx)
}

// capture freezes, has Velero cut, and releases. Its error is that there is no set,
// and no Backup was asked for.
func (r *run) capture(ctx context.Context, budget time.Duration) error {
	if err := r.impossible(ctx); err != nil {
		return err
	}
	most, late := r.policy.Spec.MaxFreeze.Duration, errFrozenLong
	if len(r.policy.Spec.Quiesce) == 0 { // nobody waits but we
		most, late = r.settings.Timeout, fmt.Errorf("it was not done within %s (--timeout)", r.settings.Timeout)
	}
	frozen, end := context.WithTimeoutCause(ctx, most, late)
	defer end()
	began := r.now()
	r.freeze(frozen)
	if err := r.impossible(ctx); err != nil {
		return err
	}
	if err := r.canary(frozen); err != nil {
		return err
	}
	at := metav1.Now()
	for _, p := range r.live() {
		p.journal.Status.At = at
	}
	r.save(frozen, r.live(), v1alpha1.BackupCutting) // the instants so far, and that Backups are about to be made
	if err := r.impossible(frozen); err != nil {
		return err
	}
	if len(r.policy.Spec.Quiesce) > 0 {
		left := r.policy.Spec.MaxFreeze.Duration - millis(r.now()-began)
		if left < budget {
			return fmt.Errorf("all was still after %s, and the cut takes about %s: maxFreeze is %s", millis(r.now()-began), budget, r.policy.Spec.MaxFreeze.Duration)
		}
		r.observer.Barrier(r.width())
	}
	r.cut(frozen)
	if len(r.policy.Spec.Quiesce) == 0 {
		r.waited = millis(r.now() - began)
	}
	return nil
}

// impossible is why there can be no set.
func (r *run) impossible(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case r.requiredLost() != nil:
		return r.requiredLost()
	case len(r.live()) == 0:
		return errors.New("every member was lost")
	}
	return nil
}

// width is from the first member that was quiet to the last.
func (r *run) width() time.Duration {
	var quiet []int64
	for _, p := range r.live() {
		if at := p.own().Instants.Quiet; at != nil {
			quiet = append(quiet, *at)
		}
	}
	if len(quiet) == 0 {
		return 0
	}
	return millis(slices.Max(quiet) - slices.Min(quiet))
}

// newBackup is the member's Backup, as it is asked for.
func (p *part) newBackup() *velerov1.Backup {
	own := p.own()
	return &velerov1.Backup{
		ObjectMeta: metav1.ObjectMeta{
			Name: own.Backup.Name, Namespace: own.VeleroNamespace, Labels: set.Labels(&p.journal.BackupExecution, own.Cluster),
			Annotations: map[string]string{policyAnnotation: p.journal.Spec.PolicyHash},
		},
		Spec: p.backup,
	}
}

// policyAnnotation has the hash of the policy on each Backup: members that have
// another were not made alike.
const policyAnnotation = "kubectl-fleet.io/policy-hash"

// tell passes on what Velero does, as far as it is news.
func (r *run) tell(p *part) func(*velerov1.Backup) {
	return func(b *velerov1.Backup) {
		is := v1alpha1.MemberExecution{Backup: p.own().Backup}
		note(&is, b)
		r.observer.Backup(p.cluster.Name, is.Backup)
	}
}

// note keeps what Velero says of a Backup.
func note(own *v1alpha1.MemberExecution, b *velerov1.Backup) {
	is := &own.Backup
	is.UID, is.Phase, is.Reason = b.UID, string(b.Status.Phase), b.Status.FailureReason
	if len(b.Status.ValidationErrors) > 0 {
		is.Reason = b.Status.ValidationErrors[0]
	}
	is.Errors, is.Warnings = b.Status.Errors, b.Status.Warnings
	if at := b.Status.Progress; at != nil {
		is.Items, is.Total = at.ItemsBackedUp, at.TotalItems
	}
	if at := b.Status.Expiration; at != nil {
		is.Expires = *at
	}
}

// end writes what has come of it into every journal there is, also of those whose journal
// could not be written before, and returns the clusters that did not take it.
func (r *run) end(ctx context.Context, phase v1alpha1.BackupPhase) (untold []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	var remember []*part
	for _, p := range r.parts {
		if p.journal != nil {
			if p.lost != nil {
				p.own().Missing = p.lost.Error()
			}
			remember = append(remember, p)
		}
	}
	return r.save(ctx, remember, phase)
}

// merged is what is known of the set; nil if nobody remembers it.
func (r *run) merged() *v1alpha1.BackupExecution {
	var journals []*set.Journal
	for _, p := range r.parts {
		if p.journal != nil {
			journals = append(journals, p.journal)
		}
	}
	if len(journals) == 0 {
		return nil
	}
	e := set.Merge(journals)
	for _, p := range r.parts {
		if m := set.MemberOf(&e, p.uid); p.lost != nil && m != nil && m.Missing == "" {
			m.Missing = p.lost.Error()
		}
	}
	return &e
}
