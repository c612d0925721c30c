package fleetscale

import (
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
)

// progress tells on stderr how a run goes on.
type progress struct {
	env     *cli.Env
	mu      sync.Mutex
	evicted map[string]int       // by cluster and node
	began   map[string]time.Time // by cluster
	said    map[string]string    // the last wait, by cluster and node
}

func newProgress(env *cli.Env) *progress {
	return &progress{env: env, evicted: map[string]int{}, began: map[string]time.Time{}, said: map[string]string{}}
}

// Wave implements scale.Observer.
func (p *progress) Wave(cluster string, number, of int, nodes []string) {
	p.mu.Lock()
	p.began[cluster] = time.Now()
	p.mu.Unlock()
	p.say("%s: wave %d/%d: %s", cluster, number, of, strings.Join(nodes, ", "))
}

// Evicted implements scale.Observer.
func (p *progress) Evicted(cluster, node string, _ *corev1.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.evicted[cluster+"/"+node]++
}

// Waits implements scale.Observer.
func (p *progress) Waits(cluster, node, why string) { p.once(cluster+"/"+node, why) }

// Gate implements scale.Observer.
func (p *progress) Gate(cluster, why string) { p.once(cluster, why) }

// once says what is waited for, if it is something new.
func (p *progress) once(who, why string) {
	p.mu.Lock()
	again := p.said[who] == why
	p.said[who] = why
	p.mu.Unlock()
	if !again {
		p.say("%s: waits: %s", who, why)
	}
}

// Empty implements scale.Observer.
func (p *progress) Empty(cluster, node string) {
	p.mu.Lock()
	evicted, took := p.evicted[cluster+"/"+node], time.Since(p.began[cluster])
	p.mu.Unlock()
	p.say("%s/%s: empty, %d pods evicted, after %s", cluster, node, evicted, took.Round(100*time.Millisecond))
}

// Grows implements scale.Observer.
func (p *progress) Grows(cluster, pool string, from, to int64) {
	p.say("%s: pool %s: %d -> %d", cluster, pool, from, to)
}

// Removing implements scale.Observer.
func (p *progress) Removing(cluster string, nodes []string) {
	p.say("%s: removing %s: from here nothing can be undone", cluster, strings.Join(nodes, ", "))
}

// Ended implements scale.Observer.
func (p *progress) Ended(cluster string, n journal.Node) {
	text := fmt.Sprintf("%s/%s: %s", cluster, n.Name, strings.ToLower(string(n.Phase)))
	if n.Why != "" {
		text += ": " + n.Why
	}
	p.say("%s", text)
}

func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintln(p.env.ErrOut, printers.Escape(fmt.Sprintf(format, args...)))
}
