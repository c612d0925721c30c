package fleetscale_test

import (
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetscale"
	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	docs "github.com/kubectl-fleet/kubectl-fleet/test/page"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// plugins are those that pages call.
func plugins() docs.Plugins { return docs.Plugins{"kubectl-fleetscale": fleetscale.NewCmdFleetscale} }

// docs/shrinking.md does what it shows: three nodes leave two clusters, past a budget
// that cannot allow it at first, and that is never broken.
func TestPage(t *testing.T) {
	const pool = "orders"
	f := testfleet.Shared(t)
	var watchers []*estates.Watcher
	for _, cluster := range []string{"c1", "c2"} {
		e := estates.Named(t, f, cluster, pool, 4)
		e.Workload(t, pool, 6, estates.AtLeast(6))
		watchers = append(watchers, e.Watch(t, map[string]int{pool: 5}))
	}
	config := docs.Kubeconfig(t, f.Kubeconfig(), map[string]string{"east": "c1", "west": "c2"})
	docs.Shell{Plugins: plugins(), Programs: map[string]string{"kubectl": f.Binary(t, "kubectl")}, Config: config}.Run(t, "shrinking")
	for _, w := range watchers {
		w.Kept(t)
	}
}
