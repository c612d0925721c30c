package fleetbackup

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// progress tells on stderr how a set comes to be.
type progress struct {
	env   *cli.Env
	mu    sync.Mutex
	phase map[string]string // Velero's, by cluster
}

func newProgress(env *cli.Env) *progress { return &progress{env: env, phase: map[string]string{}} }

// Frozen implements backup.Observer.
func (p *progress) Frozen(cluster string, holds int, took time.Duration) {
	what := "1 hold"
	if holds != 1 {
		what = fmt.Sprintf("%d holds", holds)
	}
	p.say("%s: still after %s (%s)", cluster, took, what)
}

// Barrier implements backup.Observer.
func (p *progress) Barrier(width time.Duration) {
	p.say("everything is still; the first waited %s for the last", width)
}

// Cut implements backup.Observer.
func (p *progress) Cut(cluster string, took time.Duration) {
	p.say("%s: cut after %s", cluster, took)
}

// Released implements backup.Observer.
func (p *progress) Released(cluster string, took time.Duration) {
	p.say("%s: released after %s", cluster, took)
}

// Backup implements backup.Observer. A line for each phase, not for each item.
func (p *progress) Backup(cluster string, b v1alpha1.MemberBackup) {
	p.mu.Lock()
	again := p.phase[cluster] == b.Phase || b.Phase == ""
	p.phase[cluster] = b.Phase
	p.mu.Unlock()
	if again {
		return
	}
	items := ""
	if b.Total > 0 {
		items = fmt.Sprintf(", %d/%d items", b.Items, b.Total)
	}
	p.say("%s: Backup %s: %s%s", cluster, b.Name, b.Phase, items)
}

// Interrupted implements backup.Observer.
func (p *progress) Interrupted(holds []string, deadline time.Time) {
	p.env.Leaves()
	p.say("interrupted: releasing %s; if that is interrupted, too, their deadmen do it by %s", strings.Join(holds, ", "), deadline.Format(time.RFC3339))
}

// Lost implements backup.Observer.
func (p *progress) Lost(cluster string, why error) { p.say("%s: lost: %v", cluster, why) }

func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintln(p.env.ErrOut, printers.Escape(fmt.Sprintf(format, args...)))
}
