package fleetbackup

import (
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// The bars stand where all was still and where the first was released, in every row.
func TestTimeline(t *testing.T) {
	t.Parallel()
	at := func(millis int64) *int64 { return &millis }
	e := &v1alpha1.BackupExecution{}
	e.Status.Members = []v1alpha1.MemberExecution{
		{Cluster: "east", Instants: v1alpha1.BackupInstants{Armed: at(0), Quiet: at(400), Asked: at(1100), Cut: at(4000), Release: at(5000), Released: at(5200)}},
		{Cluster: "apac", Instants: v1alpha1.BackupInstants{Armed: at(0), Quiet: at(1000), Asked: at(1100), Cut: at(4900), Release: at(5000), Released: at(5900)}},
		{Cluster: "west", Missing: "it was lost", Instants: v1alpha1.BackupInstants{Armed: at(0), Quiet: at(2000)}},
	}
	text := &strings.Builder{}
	timeline(text, e)
	want := `
east  qqqq======|##############################=========|rr.......
apac  qqqqqqqqqq|#######################################|rrrrrrrrr
west  qqqqqqqqqq|qqqqqqqqqq.............................|.........
      0s        1s                                      5s    5.9s
      q being held still   = still   # cut   r being released   | all still at 1s, the first released at 5s
`
	if got := text.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// Nothing was held still: there is no barrier, and one sees the cuts.
	e.Status.Members = []v1alpha1.MemberExecution{
		{Cluster: "east", Instants: v1alpha1.BackupInstants{Asked: at(10), Cut: at(400)}},
		{Cluster: "west", Instants: v1alpha1.BackupInstants{Asked: at(300), Cut: at(600)}},
	}
	text.Reset()
	timeline(text, e)
	if got := text.String(); strings.Contains(got, "|") || strings.Count(got, "#") < 60 || !strings.Contains(got, "590ms") {
		t.Errorf("got\n%s", got)
	}
}
