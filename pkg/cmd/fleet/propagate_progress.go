package fleet

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
)

// runProgress tells on stderr how a run goes on: a line when a cluster is through.
type runProgress struct {
	env *cli.Env
	mu  sync.Mutex
	// last is how a cluster was seen last, and said when it was last said to wait.
	last map[string]direct.Health
	said map[string]time.Time
	// warned are the warnings that were said, see alike.
	warned map[string]bool
}

// sayEvery is how long a cluster that is not healthy is waited for without a word.
const sayEvery = 15 * time.Second

func newRunProgress(env *cli.Env) *runProgress {
	return &runProgress{env: env, last: map[string]direct.Health{}, said: map[string]time.Time{}, warned: map[string]bool{}}
}

// Wave implements propagate.Observer.
func (r *runProgress) Wave(number, of int, wave fanout.Wave) {
	r.say("%s", waveText(number, of, wave))
}

// waveText is such as "wave 1/3 canary: east".
func waveText(number, of int, wave fanout.Wave) string {
	name := ""
	if wave.Name != "" {
		name = " " + wave.Name
	}
	return fmt.Sprintf("wave %d/%d%s: %s", number, of, name, strings.Join(names(wave.Clusters), ", "))
}

// RollingBack implements propagate.Observer.
func (r *runProgress) RollingBack(clusters []string, err error) {
	r.say("rolling back %s: %s", strings.Join(clusters, ", "), err)
}

// Looked implements propagate.Observer.
func (r *runProgress) Looked(cluster string, h direct.Health) {
	r.mu.Lock()
	r.last[cluster] = h
	if r.said[cluster].IsZero() {
		r.said[cluster] = time.Now()
	}
	waits := h.Current < h.Total && time.Since(r.said[cluster]) >= sayEvery
	if waits {
		r.said[cluster] = time.Now()
	}
	var warnings []string
	for _, warning := range h.Warnings {
		if key := cluster + ": " + alike(warning); !r.warned[key] {
			r.warned[key] = true
			warnings = append(warnings, warning)
		}
	}
	r.mu.Unlock()
	if waits {
		r.say("%s: still waiting: %s", cluster, h)
	}
	for _, warning := range warnings {
		r.say("warning: %s: %s", cluster, warning)
	}
}

// alike is a warning without what tells the pods of one workload apart: of a hundred that
// cannot be scheduled the first is enough.
func alike(warning string) string {
	object, what, _ := strings.Cut(warning, ": ")
	if at := strings.LastIndex(object, "-"); at >= 0 && strings.HasPrefix(object, "Pod ") {
		object = object[:at]
	}
	return object + ": " + what
}

// Finished implements propagate.Observer.
func (r *runProgress) Finished(cluster string, err error, took time.Duration) {
	r.mu.Lock()
	health := r.last[cluster]
	r.mu.Unlock()
	switch {
	case err != nil:
		r.say("%s: failed after %s", cluster, took.Round(100*time.Millisecond))
	case health.Total > 0:
		r.say("%s: %s in %s", cluster, health, took.Round(100*time.Millisecond))
	default:
		r.say("%s: done in %s", cluster, took.Round(100*time.Millisecond))
	}
}

func (r *runProgress) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = fmt.Fprintln(r.env.ErrOut, printers.Escape(fmt.Sprintf(format, args...)))
}
