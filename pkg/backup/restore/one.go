package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
)

// The stages of a member's way.
const (
	stageRestore = "Restore"
	stageStart   = "Start"
	stageProbe   = "Probe"
)

// shownErrors are how many errors of a Restore are kept.
const shownErrors = 5

// one is one member on its way.
type one struct {
	*place

	part     *v1alpha1.RestoreMember
	progress *v1alpha1.RestoreProgress
}

// FailedError is a member that is not restored.
type FailedError struct {
	Source string
	Err    error
}

func (e *FailedError) Error() string { return fmt.Sprintf("%s: %v", e.Source, e.Err) }

func (e *FailedError) Unwrap() error { return e.Err }

// Reason classifies the failure.
func (e *FailedError) Reason() member.Reason {
	if reason := member.ReasonOf(e.Err); reason != member.ReasonInternal {
		return reason
	}
	return member.ReasonUnhealthy
}

// run brings a member to its end.
func (o *one) run(ctx context.Context) error {
	if o.progress.Phase == v1alpha1.RestoreReady {
		return o.found() // before the run was gone on with
	}
	if on := o.unready(); on != "" {
		return o.ended(ctx, v1alpha1.RestoreSkipped, fmt.Errorf("not begun: %s, which it depends on, is not ready", on))
	}
	o.change(func(p *v1alpha1.RestoreProgress) { p.Stages = nil })
	for _, stage := range []struct {
		name  string
		phase v1alpha1.RestorePhase
		do    func(context.Context) error
	}{
		{stageRestore, v1alpha1.RestoreRestoring, o.restore},
		{stageStart, v1alpha1.RestoreStarting, o.ready},
		{stageProbe, v1alpha1.RestoreProbing, o.probe},
	} {
		if stage.name == stageProbe && !o.isProbed() {
			continue
		}
		if err := o.reach(ctx, stage.phase, ""); err != nil {
			return &FailedError{o.part.Source, err}
		}
		began := time.Now()
		bounded, cancel := context.WithTimeout(ctx, o.whole.settings.Timeout)
		err := stage.do(bounded)
		timedOut := bounded.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return &FailedError{o.part.Source, context.Cause(ctx)} // it can be gone on with
		case timedOut: // it can be gone on with, too
			return &FailedError{o.part.Source, &TimeoutError{o.waited(), o.whole.settings.Timeout}}
		case err != nil:
			return o.ended(ctx, v1alpha1.RestoreFailed, err)
		}
		o.change(func(p *v1alpha1.RestoreProgress) {
			p.Stages = append(p.Stages, v1alpha1.RestoreStage{Name: stage.name, Millis: time.Since(began).Milliseconds()})
		})
	}
	return o.ended(ctx, v1alpha1.RestoreReady, keptOf(o.progress))
}

// found is the error of a member that was ready before the run was gone on with.
func (o *one) found() error {
	if err := keptOf(o.progress); err != nil {
		return &FailedError{o.part.Source, err}
	}
	return nil
}

// unready is one that the member depends on and that is not ready; empty: none.
func (o *one) unready() string {
	for _, on := range o.part.DependsOn {
		if p := progressOf(o.whole.plan, on); p != nil && p.Phase != v1alpha1.RestoreReady {
			return on
		}
	}
	return ""
}

// change changes how far the member has come.
func (o *one) change(how func(*v1alpha1.RestoreProgress)) {
	o.whole.mu.Lock()
	defer o.whole.mu.Unlock()
	how(o.progress)
}

// reach writes down what is about to be done.
func (o *one) reach(ctx context.Context, phase v1alpha1.RestorePhase, why string) error {
	o.change(func(p *v1alpha1.RestoreProgress) { p.Phase, p.Why = phase, why })
	o.whole.observer.Reached(o.is())
	return o.save(ctx)
}

// ended writes down how the member has ended.
func (o *one) ended(ctx context.Context, phase v1alpha1.RestorePhase, why error) error {
	text := ""
	if why != nil {
		text = why.Error()
		why = &FailedError{o.part.Source, why}
	}
	return errors.Join(why, o.reach(ctx, phase, text))
}

// waits says what is waited for.
func (o *one) waits(what string) {
	o.change(func(p *v1alpha1.RestoreProgress) { p.Why = what })
	o.whole.observer.Waits(o.cluster.Name, what)
	o.whole.observer.Moved(o.is())
}

// is how far the member has come.
func (o *one) is() v1alpha1.RestoreProgress {
	o.whole.mu.Lock()
	defer o.whole.mu.Unlock()
	return *o.progress
}

// waited is what was waited for last.
func (o *one) waited() string {
	if o.progress.Why == "" {
		return fmt.Sprintf("nothing came of %s", o.part.Source)
	}
	return o.progress.Why
}

// restore has Velero restore the member's Backup, and waits until it has.
func (o *one) restore(ctx context.Context) error {
	server := serverOf(o.member, o.part)
	wanted := o.wanted()
	if err := o.modify(ctx, wanted); err != nil {
		return err
	}
	err := patience.Try(ctx, func() error {
		made, err := server.CreateRestore(ctx, wanted)
		if err == nil {
			wanted = made
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := o.own(ctx, wanted); err != nil {
		return err
	}
	last := velerov1.RestorePhase("-")
	done, err := server.AwaitRestore(ctx, wanted.Name, func(r *velerov1.Restore) bool { return velero.IsRestoreTerminal(r.Status.Phase) },
		func(r *velerov1.Restore) {
			o.change(func(p *v1alpha1.RestoreProgress) { taken(&p.Restore, r) })
			o.whole.observer.Moved(o.is())
			if r.Status.Phase != last && !velero.IsRestoreTerminal(r.Status.Phase) {
				last = r.Status.Phase
				o.waits(fmt.Sprintf("Restore %s is %s", r.Name, orNew(r.Status.Phase)))
			}
		})
	if err != nil {
		return err
	}
	o.change(func(p *v1alpha1.RestoreProgress) { p.Why = "" })
	return o.judge(ctx, server, done)
}

// wanted is the Restore of the member.
func (o *one) wanted() *velerov1.Restore {
	x := o.whole.plan
	r := &velerov1.Restore{
		ObjectMeta: metav1.ObjectMeta{
			Name: o.progress.Restore.Name, Namespace: o.part.VeleroNamespace, Labels: map[string]string{RunLabel: x.Name, setLabel: x.Spec.Set},
		},
		Spec: velerov1.RestoreSpec{BackupName: o.part.Backup, ExistingResourcePolicy: velerov1.PolicyType(x.Spec.ExistingResources)},
	}
	if x.Spec.Purpose == v1alpha1.RestoreForDrill {
		r.Spec.IncludedNamespaces = slices.Clone(o.part.Namespaces) // all of them are mapped
	}
	r.Spec.NamespaceMapping = maps.Clone(x.Spec.NamespaceMappings)
	return r
}

// taken is what is kept of a Restore.
func taken(m *v1alpha1.MemberRestore, r *velerov1.Restore) {
	m.Name, m.UID, m.Phase, m.Reason = r.Name, r.UID, string(r.Status.Phase), r.Status.FailureReason
	m.Errors, m.Warnings = r.Status.Errors, r.Status.Warnings
	if p := r.Status.Progress; p != nil {
		m.Items, m.Total = p.ItemsRestored, p.TotalItems
	}
	if len(r.Status.ValidationErrors) > 0 {
		m.Reason = strings.Join(r.Status.ValidationErrors, "; ")
	}
}

// judge is an error unless a Restore has done all that it was for. That is Velero's
// phase Completed, and that there was something to restore.
func (o *one) judge(ctx context.Context, server velero.Server, r *velerov1.Restore) error {
	if r.Status.Phase == velerov1.RestorePhaseCompleted {
		if o.progress.Restore.Items == 0 {
			return fmt.Errorf("Restore %s is Completed, and has restored nothing", r.Name) //nolint:staticcheck // a kind
		}
		return o.kept(ctx, server, r)
	}
	text := fmt.Sprintf("Restore %s is %s%s", r.Name, r.Status.Phase, colon(o.progress.Restore.Reason))
	if r.Status.Errors > 0 {
		text += fmt.Sprintf(", with %d errors", r.Status.Errors)
		texts, err := server.RestoreErrors(ctx, r.Name)
		if err != nil {
			texts = []string{"their texts cannot be read: " + err.Error()}
		}
		o.change(func(p *v1alpha1.RestoreProgress) { p.Restore.ErrorTexts = texts[:min(len(texts), shownErrors)] })
		text += ": " + strings.Join(o.progress.Restore.ErrorTexts, "; ")
	}
	return errors.New(text)
}
