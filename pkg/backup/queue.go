package backup

import (
	"context"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

// queueLook is how often the queue is looked at in which a Backup of ours waits.
const queueLook = 30 * time.Second

// awaitBackup follows a member's Backup until done is true of it. While it waits in a
// queue that stands still, the observer hears of that once.
func (r *run) awaitBackup(ctx context.Context, p *part, done func(*velerov1.Backup) bool) (*velerov1.Backup, error) {
	ctx, stop := context.WithCancelCause(ctx)
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		r.watchQueue(ctx, p)
	}()
	b, err := p.velero.AwaitBackup(ctx, p.own().Backup.Name, done, r.tell(p))
	stop(nil)
	<-looked
	return b, err
}

// watchQueue looks at a member's queue until ctx ends, or something is to be said of it.
func (r *run) watchQueue(ctx context.Context, p *part) {
	ticks := time.NewTicker(queueLook)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		all, err := p.velero.Backups(ctx, "")
		if err != nil {
			continue // who waits for the Backup says that the cluster does not answer
		}
		now := time.Now()
		if ahead, known := p.member.ClockAhead(ctx); known {
			now = now.Add(ahead)
		}
		if still := velero.Standstill(all, now); still != nil {
			r.observer.Standstill(p.cluster.Name, still)
			return
		}
	}
}
