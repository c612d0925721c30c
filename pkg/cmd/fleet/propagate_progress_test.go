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

// Of pods of one workload that complain of the same one is said, once for each cluster; of
// another workload, and of something else, one more.
func TestProgressWarnsOnce(t *testing.T) {
	said := &bytes.Buffer{}
	progress := newRunProgress(&cli.Env{ErrOut: said})
	const first, second = "Pod shop/web-5d79f-abcde: FailedScheduling: no node", "Pod shop/web-5d79f-fghij: FailedScheduling: no node"
	api, pull, service := "Pod shop/api-7c6b5-klmno: FailedScheduling: no node", "Pod shop/web-5d79f-fghij: Failed: no such image", "Service shop/web-1: SyncFailed: no port"
	progress.Looked("east", direct.Health{Total: 1, Warnings: []string{second}})
	progress.Looked("east", direct.Health{Total: 1, Warnings: []string{first, second, api, pull, service}})
	progress.Looked("west", direct.Health{Total: 1, Warnings: []string{first, second}})
	want := strings.Join([]string{"east: " + second, "east: " + api, "east: " + pull, "east: " + service, "west: " + first, ""}, "\n")
	if got := strings.ReplaceAll(said.String(), "warning: ", ""); got != want {
		t.Errorf("it says\n%s", said)
	}
}
