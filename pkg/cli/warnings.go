package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// Warnings gathers the Warning headers of API servers, so that forty clusters
// of one mind say it once.
type Warnings struct {
	mu       sync.Mutex
	order    []string
	clusters map[string][]string
}

// Warn is for member.Options.Warn.
func (w *Warnings) Warn(c inventory.Cluster, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.clusters == nil {
		w.clusters = map[string][]string{}
	}
	if _, seen := w.clusters[text]; !seen {
		w.order = append(w.order, text)
	}
	if !slices.Contains(w.clusters[text], c.Name) {
		w.clusters[text] = append(w.clusters[text], c.Name)
	}
}

// Say prints the warnings, each once with its clusters.
func (w *Warnings) Say(env *Env) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.order)
	for _, text := range w.order {
		slices.Sort(w.clusters[text])
		_, _ = fmt.Fprintf(env.ErrOut, "warning: %s: %s\n", strings.Join(w.clusters[text], ", "), printers.Escape(text))
	}
}
