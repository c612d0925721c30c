package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/patience"
)

// cut asks for all Backups at once, and waits until each is cut. If all actions are
// hard, a member is released as soon as its own is.
func (r *run) cut(ctx context.Context) {
	hard := policy.AllHard(r.policy)
	r.each(ctx, r.live(), func(ctx context.Context, p *part) error {
		own := p.own()
		own.Instants.Asked = new(r.now())
		var made *velerov1.Backup
		err := patience.Try(ctx, func() (err error) {
			made, err = p.velero.CreateBackup(ctx, p.newBackup())
			return err
		})
		if err != nil {
			return fmt.Errorf("its Backup could not be made: %w", err)
		}
		own.Backup.UID = made.UID
		is, sign, err := r.awaitCut(ctx, p)
		switch {
		case err != nil && ctx.Err() != nil:
			own.Uncut = fmt.Sprintf("%v, and Backup %s was %s", context.Cause(ctx), own.Backup.Name, standing(is, own.Location))
			if is != nil {
				note(own, is)
			}
			return nil // it may be a good Backup; its cut is not known, and so it is torn
		case err != nil:
			return err
		case sign == "": // it has failed: cut or not, it is missing
			note(own, is)
			return nil
		}
		own.Instants.Cut, own.CutBy = new(r.now()), sign
		r.observer.Cut(p.cluster.Name, millis(*own.Instants.Cut-*own.Instants.Asked))
		if is != nil {
			note(own, is)
		}
		r.check(ctx, p)
		if hard {
			_ = r.release(ctx, []*part{p}) // tried again, and said, in the end
		}
		return nil
	})
}

// standing is how far a Backup was that is not waited for any more: while it is in
// progress it is the store, mostly, that takes long.
func standing(b *velerov1.Backup, store v1alpha1.StorageLocation) string {
	switch {
	case b == nil:
		return phase(b)
	case b.Status.Phase == velerov1.BackupPhaseInProgress:
		return fmt.Sprintf("InProgress still; it is written to %s", store)
	}
	return phase(b) + " still"
}

// phase is a Backup's that may not have been seen.
func phase(b *velerov1.Backup) string {
	if b == nil {
		return "not seen"
	}
	return string(velero.Named(b.Status.Phase))
}

// errVolumesCut ends the wait for a Backup whose volumes are cut.
var errVolumesCut = errors.New("all volumes are cut")

// awaitCut waits for the first sign of a member's cut, and returns which it was: none if
// its Backup has failed before. The Backup is as it was seen last; nil if it was not.
func (r *run) awaitCut(ctx context.Context, p *part) (*velerov1.Backup, v1alpha1.CutSign, error) {
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var taken map[velero.Claim]velero.Snapshot
	var beside sync.WaitGroup
	if claims := snapshotClaims(r.policy, p.own()); len(claims) > 0 {
		beside.Go(func() {
			// Without it there is the other sign, which comes later.
			if found, err := p.velero.AwaitSnapshots(waiting, p.own().Backup.Name, claims); err == nil {
				taken = found
				stop(errVolumesCut)
			}
		})
	}
	over := func(b *velerov1.Backup) bool {
		return velero.IsCut(b.Status.Phase) || velero.IsTerminal(b.Status.Phase)
	}
	is, err := r.awaitBackup(waiting, p, over)
	stop(nil)
	beside.Wait()
	switch {
	case err == nil && velero.IsCut(is.Status.Phase):
		return is, v1alpha1.CutByPhase, nil
	case err == nil:
		return is, "", nil
	case taken != nil:
		seen(p.own(), taken)
		return is, v1alpha1.CutByVolumes, nil
	}
	return is, "", err
}

// snapshotClaims are the claims of a member whose snapshots are a sign of its cut: all
// that preflight has found, if the policy wants no more than them, and each is taken by
// a CSI snapshot. None where one is taken in another way.
func snapshotClaims(p *v1alpha1.BackupSchedule, own *v1alpha1.MemberExecution) []velero.Claim {
	if p.Spec.Cut != v1alpha1.CutVolumes {
		return nil
	}
	var claims []velero.Claim
	for _, v := range own.Volumes {
		if v.Method != velero.ByCSI {
			return nil
		}
		claims = append(claims, velero.Claim{Namespace: v.Namespace, Name: v.Claim})
	}
	return claims
}

// seen keeps the snapshots that were the sign of a cut.
func seen(own *v1alpha1.MemberExecution, taken map[velero.Claim]velero.Snapshot) {
	for i := range own.Volumes {
		v := &own.Volumes[i]
		is := taken[velero.Claim{Namespace: v.Namespace, Name: v.Claim}]
		v.Handle, v.Taken = is.Handle, metav1.NewMicroTime(is.Taken)
	}
}
