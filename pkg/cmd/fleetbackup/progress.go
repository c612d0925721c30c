package fleetbackup

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// progress tells on stderr how a set comes to be: on a terminal by a table that is redrawn,
// elsewhere by a line for each change.
type progress struct {
	env   *cli.Env
	board *board
	mu    sync.Mutex
	phase map[string]string // Velero's, by cluster
	table setTable
}

// newProgress shows the progress of a set whose members are in these clusters, by its
// policy. done must be called.
func newProgress(env *cli.Env, clusters []string, policy *v1alpha1.BackupSchedule) *progress {
	p := &progress{env: env, phase: map[string]string{}, table: newSetTable(clusters, policy)}
	p.board = showBoard(env, func(now time.Time) []string {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.table.lines(now)
	})
	return p
}

// done leaves the terminal to others.
func (p *progress) done() { p.board.done() }

// Locked implements backup.Observer.
func (p *progress) Locked(cluster string) {
	p.say("%s: waits: whoever began the run has its lock, and seconds show whether they are still at work", cluster)
}

// Freezing implements backup.Observer.
func (p *progress) Freezing(cluster string) {
	p.change(cluster, func(r *setRow) {
		if r.freezing.IsZero() {
			r.freezing = time.Now()
		}
	})
}

// Frozen implements backup.Observer.
func (p *progress) Frozen(cluster string, holds int, took time.Duration) {
	p.change(cluster, func(r *setRow) { r.still = time.Now() })
	p.line("%s: still after %s (%s)", cluster, took, counted(holds, "hold"))
}

// Barrier implements backup.Observer.
func (p *progress) Barrier(width time.Duration) {
	p.mu.Lock()
	p.table.width = &width
	p.mu.Unlock()
	p.line("everything is still; the first waited %s for the last", width)
}

// Cut implements backup.Observer.
func (p *progress) Cut(cluster string, took time.Duration) {
	p.change(cluster, func(r *setRow) { r.cut = &took })
	p.line("%s: cut after %s", cluster, took)
}

// Released implements backup.Observer.
func (p *progress) Released(cluster string, took time.Duration) {
	p.change(cluster, func(r *setRow) { r.released, r.release = time.Now(), took })
	p.line("%s: released after %s", cluster, took)
}

// Backup implements backup.Observer. A line for each phase, not for each item.
func (p *progress) Backup(cluster string, b v1alpha1.MemberBackup) {
	p.change(cluster, func(r *setRow) {
		if r.asked.IsZero() {
			r.asked = time.Now()
		}
		r.backup = b
	})
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
	p.line("%s: Backup %s: %s%s", cluster, b.Name, b.Phase, items)
}

// Interrupted implements backup.Observer.
func (p *progress) Interrupted(holds []string, deadline time.Time) {
	p.env.Leaves()
	p.say("interrupted: releasing %s; if that is interrupted, too, their deadmen do it by %s", strings.Join(holds, ", "), deadline.Format(time.RFC3339))
}

// Standstill implements backup.Observer.
func (p *progress) Standstill(cluster string, why *velero.StandstillError) {
	p.say("%s: %v; %s", cluster, why, why.Remedy())
}

// Lost implements backup.Observer.
func (p *progress) Lost(cluster string, why error) {
	p.change(cluster, func(r *setRow) { r.lost = true })
	p.say("%s: lost: %v", cluster, why)
}

// change changes a row of the table.
func (p *progress) change(cluster string, how func(*setRow)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.table.rows[cluster]; r != nil {
		how(r)
	}
}

// line says what the table shows, where there is none.
func (p *progress) line(format string, args ...any) {
	if p.board == nil {
		p.say(format, args...)
	}
}

// say says something, above the table if there is one.
func (p *progress) say(format string, args ...any) {
	text := printers.Escape(fmt.Sprintf(format, args...))
	if p.board != nil {
		p.board.Say(text)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintln(p.env.ErrOut, text)
}
