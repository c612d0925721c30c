package fleetbackup

import (
	"fmt"
	"strings"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// restoreProgress tells on stderr how a restore goes on.
type restoreProgress struct {
	env  *cli.Env
	mu   sync.Mutex
	said map[string]string // the last wait, by target
}

func newRestoreProgress(env *cli.Env) *restoreProgress {
	return &restoreProgress{env: env, said: map[string]string{}}
}

// Waits implements restore.Observer.
func (p *restoreProgress) Waits(target, what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said[target] != what {
		p.said[target] = what
		p.say("%s: waits: %s", target, what)
	}
}

// Reached implements restore.Observer.
func (p *restoreProgress) Reached(m v1alpha1.RestoreProgress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprintf("%s: %s", m.Source, strings.ToLower(string(m.Phase)))
	if m.Source != m.Target {
		text = fmt.Sprintf("%s in %s: %s", m.Source, m.Target, strings.ToLower(string(m.Phase)))
	}
	if m.Why != "" {
		text += ": " + m.Why
	}
	p.say("%s", text)
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
