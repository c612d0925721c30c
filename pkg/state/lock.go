package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// The times of a lock. A holder that has not renewed for the whole of
// leaseDuration, by the clock of whoever waits, is taken for dead.
const (
	leaseDuration = 10 * time.Second
	renewPeriod   = 3 * time.Second
	// retryPeriod is between tries to renew that failed, and looks at another's lease.
	retryPeriod = time.Second
)

// LockedError is a lock that somebody else holds.
type LockedError struct {
	// Holder is who, as they signed it.
	Holder string
	// Name is the Lease's, with its namespace.
	Name string
	// Since is when they took it, by their clock.
	Since time.Time
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is at work on it since %s (Lease %s)", e.Holder, e.Since.UTC().Format(time.RFC3339), e.Name)
}

// Reason classifies the failure.
func (*LockedError) Reason() member.Reason { return member.ReasonRefused }

// ErrLockLost is the cause of the end of a context whose lock was lost.
var ErrLockLost error = &member.Error{
	Reason: member.ReasonRefused, Err: errors.New("the lock was lost: somebody else has taken it, or the cluster did not answer for too long"),
}

// Lock is a Lease that is held and renewed. It keeps honest people apart; what
// keeps writes apart is the version of each record.
type Lock struct {
	store Store
	name  string

	mu    sync.Mutex
	lease *coordinationv1.Lease
	stop  func()
	ended chan struct{}
}

// Acquire takes a lock and renews it until Release. Whoever holds it and renews it
// is a *LockedError; whether they do is judged by looking at it for as long as it
// lasts, never by comparing clocks. The context that it returns ends when the lock
// is lost, or released; not with ctx, which is for the attempt alone.
func (s Store) Acquire(ctx context.Context, name, holder string) (context.Context, *Lock, error) {
	l := &Lock{store: s, name: name, ended: make(chan struct{})}
	if err := l.take(ctx, holder); err != nil {
		return ctx, nil, err
	}
	held, lost := context.WithCancelCause(context.WithoutCancel(ctx))
	l.stop = func() { lost(nil) }
	go l.renew(held, lost)
	return held, l, nil
}

// IsLocked is true if somebody has the lock, or had it and was killed.
func (s Store) IsLocked(ctx context.Context, name string) (bool, error) {
	lease, err := (&Lock{store: s, name: name}).read(ctx)
	return err == nil && lease != nil, err
}

// take makes the lease ours.
func (l *Lock) take(ctx context.Context, holder string) error {
	// Mostly nobody has it: then it is not looked at first.
	if err := l.sign(ctx, l.unheld(), holder); !errors.Is(err, ErrChanged) {
		return err
	}
	var seen *coordinationv1.Lease
	var since time.Time
	for {
		lease, err := l.read(ctx)
		if err != nil {
			return err
		}
		switch {
		case lease == nil:
			lease = l.unheld()
		case holderOf(lease) == "":
		case seen == nil:
			seen, since = lease, time.Now()
			if err := pause(ctx, retryPeriod); err != nil {
				return err
			}
			continue
		case lease.ResourceVersion != seen.ResourceVersion:
			locked := &LockedError{Holder: holderOf(lease), Name: l.store.Namespace + "/" + l.name}
			if lease.Spec.AcquireTime != nil {
				locked.Since = lease.Spec.AcquireTime.Time
			}
			return locked
		case time.Since(since) < leaseDuration:
			if err := pause(ctx, retryPeriod); err != nil {
				return err
			}
			continue
		}
		err = l.sign(ctx, lease, holder)
		if errors.Is(err, ErrChanged) {
			continue // somebody was quicker: the next look says who
		}
		return err
	}
}

// unheld is a lease that is not there yet.
func (l *Lock) unheld() *coordinationv1.Lease {
	return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: l.name, Namespace: l.store.Namespace, Labels: map[string]string{managedByLabel: managedBy}}}
}

// sign writes the lease as held from now on.
func (l *Lock) sign(ctx context.Context, lease *coordinationv1.Lease, holder string) error {
	lease.Spec.HolderIdentity = &holder
	lease.Spec.LeaseDurationSeconds = new(int32(leaseDuration / time.Second))
	lease.Spec.AcquireTime = new(metav1.NowMicro())
	return l.write(ctx, lease)
}

func holderOf(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// renew keeps the lease until ctx ends, or tells that it is lost.
func (l *Lock) renew(ctx context.Context, lost context.CancelCauseFunc) {
	defer close(l.ended)
	renewed, wait := time.Now(), renewPeriod
	for pause(ctx, wait) == nil {
		began := time.Now()
		over := renewed.Add(leaseDuration - retryPeriod) // before anybody else may take it
		// Not ended with ctx: a renewal that is under way when the lock is given back would
		// come after that, and a PUT of a Lease that is gone makes it anew
		// (AllowCreateOnUpdate in kubernetes' pkg/registry/coordination/lease/strategy.go).
		attempt, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(renewPeriod, time.Until(over)))
		err := l.prolong(attempt)
		cancel()
		switch {
		case err == nil:
			renewed, wait = began, renewPeriod
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrChanged), !time.Now().Before(over):
			lost(ErrLockLost)
			return
		default:
			wait = retryPeriod
		}
	}
}

// prolong renews the lease once. A renewal of ours that was done, and whose answer was
// lost, is no change.
func (l *Lock) prolong(ctx context.Context) error {
	l.mu.Lock()
	lease := l.lease.DeepCopy()
	l.mu.Unlock()
	err := l.write(ctx, lease)
	if !errors.Is(err, ErrChanged) {
		return err
	}
	lease, err = l.read(ctx)
	switch {
	case err != nil:
		return err
	case !l.isOurs(lease):
		return ErrChanged
	}
	return l.write(ctx, lease)
}

// isOurs is true for the lease as we have signed it.
func (l *Lock) isOurs(lease *coordinationv1.Lease) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return lease != nil && lease.UID == l.lease.UID && holderOf(lease) == holderOf(l.lease) && lease.Spec.AcquireTime.Equal(l.lease.Spec.AcquireTime)
}

// Release gives the lock back, if it is still ours. It may be called with a
// context that has ended, and has a moment all the same.
func (l *Lock) Release(ctx context.Context) {
	l.stop()
	<-l.ended
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewPeriod)
	defer cancel()
	err := l.delete(ctx)
	if !apierrors.IsConflict(err) {
		return // if it failed, the lock is taken for dead in leaseDuration
	}
	// Somebody else has it, or the last renewal was done and not heard of any more.
	lease, err := l.read(ctx)
	if err == nil && l.isOurs(lease) {
		l.lease = lease
		_ = l.delete(ctx)
	}
}

func (l *Lock) delete(ctx context.Context) error {
	return l.store.Member.Delete(ctx, leases(), l.store.Namespace, l.name, l.lease.UID, member.WriteOptions{Version: l.lease.ResourceVersion})
}

func (l *Lock) read(ctx context.Context) (*coordinationv1.Lease, error) {
	object, err := l.store.Member.Object(ctx, leases(), l.store.Namespace, l.name)
	if member.IsObjectNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lease := &coordinationv1.Lease{}
	return lease, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, lease)
}

// write writes the lease, renewed now, if nobody else has.
func (l *Lock) write(ctx context.Context, lease *coordinationv1.Lease) error {
	lease.TypeMeta = metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"}
	lease.Spec.RenewTime = new(metav1.NowMicro())
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(lease)
	if err != nil {
		return err
	}
	write := l.store.Member.Update
	if lease.ResourceVersion == "" {
		write = l.store.Member.Create
	}
	object, err := write(ctx, leases(), &unstructured.Unstructured{Object: fields})
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || lease.ResourceVersion != "" && member.IsObjectNotFound(err) {
		return ErrChanged
	}
	if err != nil {
		return err
	}
	written := &coordinationv1.Lease{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, written); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lease = written
	return nil
}

func leases() member.Resource {
	return member.Resource{
		GroupVersionResource: schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}, Kind: "Lease", Namespaced: true,
	}
}
