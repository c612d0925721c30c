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
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/set"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

// finish waits until Velero has done with every Backup, judges the set and seals it.
// Nothing is held still.
func (r *run) finish(ctx context.Context) (*v1alpha1.BackupExecution, error) {
	late := &TimeoutError{Set: r.set, Timeout: r.settings.Timeout}
	waiting, cancel := context.WithTimeoutCause(ctx, r.settings.Timeout-r.waited, late)
	defer cancel()
	made := r.made()
	r.each(waiting, made, func(ctx context.Context, p *part) error {
		b, err := r.awaitBackup(ctx, p, func(b *velerov1.Backup) bool { return velero.IsTerminal(b.Status.Phase) })
		switch {
		case err != nil && waiting.Err() != nil:
			if b != nil {
				note(p.own(), b)
			}
			return nil // it is not lost: its Backup goes on
		case err != nil:
			return err
		}
		note(p.own(), b)
		p.volumes(ctx, b)
		p.selected(ctx, b)
		return nil
	})
	if waiting.Err() != nil {
		for _, p := range made {
			if is := velerov1.BackupPhase(p.own().Backup.Phase); !velero.IsTerminal(is) {
				late.Are = append(late.Are, p.cluster.Name+": "+string(velero.Named(is)))
			}
		}
		return r.merged(), context.Cause(waiting)
	}
	doubt := ""
	if r.settings.Clock.Suspended() {
		doubt = "the machine that made it slept, or somebody set its clock"
	}
	return r.seal(ctx, doubt)
}

// made are the members that have a Backup to wait for.
func (r *run) made() []*part {
	var made []*part
	for _, p := range r.parts {
		if p.journal != nil && p.lost == nil {
			made = append(made, p)
		}
	}
	return made
}

// volumes notes what became of each volume of preflight, and of those that have come
// since. What Velero says of them is in the object store, which may be out of reach from
// here: then the Backup's own counts are all that is known.
func (p *part) volumes(ctx context.Context, b *velerov1.Backup) {
	own := p.own()
	taken, err := p.velero.BackupVolumes(ctx, own.Backup.Name)
	if err != nil {
		set.Uncounted(own, b.Status.CSIVolumeSnapshotsCompleted+b.Status.VolumeSnapshotsCompleted, err)
		return
	}
	set.Count(own, taken)
}

// selected notes a Backup whose selector has found nothing: Velero calls one of the
// Namespaces alone Completed. Where the list of what it has cannot be read, the number of
// its items says as much if the policy names the namespaces.
func (p *part) selected(ctx context.Context, b *velerov1.Backup) {
	if b.Spec.LabelSelector == nil && len(b.Spec.OrLabelSelectors) == 0 {
		return
	}
	own := p.own()
	has, err := p.velero.BackupContents(ctx, b.Name)
	if err != nil {
		own.Backup.Unselected = own.Backup.Items <= len(b.Spec.IncludedNamespaces) && !slices.ContainsFunc(b.Spec.IncludedNamespaces, policy.IsPattern)
		return
	}
	delete(has, "v1/Namespace")
	own.Backup.Unselected = len(has) == 0
}

// seal judges what is known, and writes it where it survives the loss of any one
// cluster: into all members, and by their Veleros into their buckets.
func (r *run) seal(ctx context.Context, doubt string) (*v1alpha1.BackupExecution, error) {
	e := r.merged()
	set.Judge(e, doubt)
	e.Status.Phase, e.Status.Sealed = v1alpha1.BackupSealed, metav1.Now()
	var remember []*part
	for _, p := range r.parts {
		if p.journal != nil {
			p.lost = nil // what it knows is in the manifest now
			remember = append(remember, p)
		}
	}
	r.each(ctx, remember, func(ctx context.Context, p *part) error { return p.give(ctx, e) })
	var failed []error
	for _, p := range remember {
		if p.lost != nil {
			failed = append(failed, fmt.Errorf("%s: %w", p.cluster.Name, p.lost))
		}
	}
	return e, sealError(r.set, failed)
}

// give writes the manifest into one member, and has it backed up. The journal is the
// last: whoever finds it sealed finds the rest.
func (p *part) give(ctx context.Context, e *v1alpha1.BackupExecution) error {
	if err := set.Keep(ctx, p.store, e); err != nil {
		return err
	}
	if own := set.MemberOf(e, p.uid); own != nil {
		ctx, cancel := context.WithTimeout(ctx, sealing)
		defer cancel()
		b, err := p.manifestBackup(ctx, set.ManifestBackup(e, own, p.backup, p.store.Namespace))
		if err != nil {
			return err
		}
		b, err = p.velero.AwaitBackup(ctx, b.Name, func(b *velerov1.Backup) bool { return velero.IsTerminal(b.Status.Phase) }, nil)
		switch {
		case errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil:
			return fmt.Errorf("its store, %s: the Backup of the manifest is %s after %s: %w", own.Location, phase(b), sealing, err)
		case err != nil:
			return fmt.Errorf("its store, %s: %w", own.Location, err)
		}
		if b.Status.Phase != velerov1.BackupPhaseCompleted {
			return fmt.Errorf("its store, %s: Backup %s is %s: %s", own.Location, b.Name, b.Status.Phase, b.Status.FailureReason)
		}
	}
	p.journal.BackupExecution = *e
	return p.journal.Save(ctx)
}

// manifestBackup asks for the Backup of a manifest. One of an earlier try that failed
// makes way for it.
func (p *part) manifestBackup(ctx context.Context, wanted *velerov1.Backup) (*velerov1.Backup, error) {
	b, err := p.velero.CreateBackup(ctx, wanted)
	if err != nil || !velero.IsTerminal(b.Status.Phase) || b.Status.Phase == velerov1.BackupPhaseCompleted {
		return b, err
	}
	if err := p.velero.Delete(ctx, b); err != nil {
		return nil, err
	}
	return p.velero.CreateBackup(ctx, wanted)
}

// sealing is how long Velero may take for a manifest. It is a small Backup, but others
// may come before it.
const sealing = 2 * time.Minute

// SealError is a set of which some members, or their buckets, do not have the manifest.
// The others do.
type SealError struct {
	Set string
	Err error
}

func (e *SealError) Error() string {
	return fmt.Sprintf("the manifest of %s is not everywhere: %v", e.Set, e.Err)
}

func (e *SealError) Unwrap() error { return e.Err }

// sealError joins what members say; nil if they say nothing.
func sealError(set string, failed []error) error {
	if len(failed) == 0 {
		return nil
	}
	return &SealError{Set: set, Err: errors.Join(failed...)}
}
