package fleet

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
)

// Who waits for minutes hears now and then for what, and not at every look.
func TestProgressWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := &bytes.Buffer{}
		progress := newRunProgress(&cli.Env{ErrOut: said})
		waiting := direct.Health{Total: 2, Current: 1, Waiting: []string{"Deployment web: Available: 0/10"}}
		for range 20 {
			progress.Looked("east", waiting)
			time.Sleep(2 * time.Second)
		}
		progress.Looked("east", direct.Health{Total: 2, Current: 2})
		const line = "east: still waiting: current 1/2; Deployment web: Available: 0/10\n"
		if got := strings.Count(said.String(), line); got != 2 || len(said.String()) != 2*len(line) {
			t.Errorf("in 40 s it says\n%s", said)
		}
	})
}
