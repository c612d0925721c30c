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

// restoreProgress tells on stderr how a restore goes on: a line for each change or, between
// watch and done and on a terminal, a table that is redrawn.
type restoreProgress struct {
	env   *cli.Env
	mu    sync.Mutex
	said  map[string]string // the last wait, by target
	board *board
	rows  []v1alpha1.RestoreProgress
	began map[string]time.Time // by source, when its turn came
	ended map[string]time.Time
	start time.Time
}

func newRestoreProgress(env *cli.Env) *restoreProgress {
	return &restoreProgress{env: env, said: map[string]string{}}
}

// watch shows the members of a plan until done is called.
func (p *restoreProgress) watch(x *v1alpha1.RestoreExecution) {
	p.start, p.began, p.ended = time.Now(), map[string]time.Time{}, map[string]time.Time{}
	p.rows = nil
	for _, m := range x.Spec.Members {
		p.rows = append(p.rows, v1alpha1.RestoreProgress{Source: m.Source, Target: m.Target, Phase: v1alpha1.RestoreWaiting})
	}
	shown := showBoard(p.env, func(now time.Time) []string {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.lines(now)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.board = shown
}

// done leaves the terminal to others.
func (p *restoreProgress) done() {
	p.board.done()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.board = nil
}

// Waits implements restore.Observer.
func (p *restoreProgress) Waits(target, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said[target] == what {
		return
	}
	p.said[target] = what
	if p.board == nil {
		p.say("%s: waits: %s", target, what)
	}
}

// Reached implements restore.Observer.
func (p *restoreProgress) Reached(m v1alpha1.RestoreProgress) {
	p.Moved(m)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.board != nil {
		return
	}
	text := fmt.Sprintf("%s: %s", m.Source, strings.ToLower(string(m.Phase)))
	if m.Source != m.Target {
		text = fmt.Sprintf("%s in %s: %s", m.Source, m.Target, strings.ToLower(string(m.Phase)))
	}
	if m.Why != "" {
		text += ": " + m.Why
	}
	p.say("%s", text)
}

// Moved implements restore.Observer. It is for the table alone.
func (p *restoreProgress) Moved(m v1alpha1.RestoreProgress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.rows {
		if p.rows[i].Source != m.Source {
			continue
		}
		p.rows[i] = m
		if p.began[m.Source].IsZero() {
			p.began[m.Source] = time.Now()
		}
		switch m.Phase {
		case v1alpha1.RestoreReady, v1alpha1.RestoreFailed, v1alpha1.RestoreSkipped:
			p.ended[m.Source] = time.Now()
		case v1alpha1.RestoreWaiting, v1alpha1.RestoreRestoring, v1alpha1.RestoreStarting, v1alpha1.RestoreProbing:
		}
	}
}

// lines are the table at a time.
func (p *restoreProgress) lines(now time.Time) []string {
	rows := [][]string{{"MEMBER", "TARGET", "PHASE", "TOOK", "ITEMS", "WAITS FOR"}}
	for _, m := range p.rows {
		took, items := "", ""
		switch began, ended := p.began[m.Source], p.ended[m.Source]; {
		case began.IsZero():
		case ended.IsZero():
			took = "… " + now.Sub(began).Truncate(time.Second).String()
		case m.Phase == v1alpha1.RestoreReady:
			took = doneCell(ended.Sub(began))
		default:
			took = "✘ " + tenths(ended.Sub(began))
		}
		if m.Restore.Total > 0 {
			items = fmt.Sprintf("%d/%d", m.Restore.Items, m.Restore.Total)
		}
		rows = append(rows, []string{m.Source, m.Target, string(m.Phase), took, items, printers.Escape(strings.Join(strings.Fields(m.Why), " "))})
	}
	return append(aligned(rows), "for "+now.Sub(p.start).Truncate(time.Second).String())
}

// note says something of a target.
func (p *restoreProgress) note(target, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say("%s: %s", target, text)
}

func (p *restoreProgress) say(format string, args ...any) {
	_, _ = fmt.Fprintln(p.env.ErrOut, printers.Escape(fmt.Sprintf(format, args...)))
}
