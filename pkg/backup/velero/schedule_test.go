package velero_test

import (
	"testing"
	"time"

	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/velero"
)

func TestNextRun(t *testing.T) {
	t.Parallel()
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 20, hour, minute, 0, 0, time.UTC) }
	since := func(hour, minute int) *metav1.Time { return new(metav1.NewTime(at(hour, minute))) }
	for name, c := range map[string]struct {
		spec   velerov1.ScheduleSpec
		status velerov1.ScheduleStatus
		want   time.Time
		bad    bool
	}{
		"never ran":     {spec: velerov1.ScheduleSpec{Schedule: "0 * * * *"}, want: at(11, 0)},
		"ran":           {spec: velerov1.ScheduleSpec{Schedule: "0 * * * *"}, status: velerov1.ScheduleStatus{LastBackup: since(12, 0)}, want: at(13, 0)},
		"skipped":       {spec: velerov1.ScheduleSpec{Schedule: "@hourly"}, status: velerov1.ScheduleStatus{LastBackup: since(12, 0), LastSkipped: since(13, 30)}, want: at(14, 0)},
		"zone":          {spec: velerov1.ScheduleSpec{Schedule: "CRON_TZ=Etc/GMT-2 0 15 * * *"}, want: at(13, 0)},
		"paused":        {spec: velerov1.ScheduleSpec{Schedule: "0 * * * *", Paused: true}},
		"not valid":     {spec: velerov1.ScheduleSpec{Schedule: "x"}, status: velerov1.ScheduleStatus{Phase: velerov1.SchedulePhaseFailedValidation}},
		"not looked at": {spec: velerov1.ScheduleSpec{Schedule: "x"}, bad: true},
		"zone alone":    {spec: velerov1.ScheduleSpec{Schedule: "TZ=UTC"}, bad: true},
	} {
		s := &velerov1.Schedule{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: *since(10, 30)}, Spec: c.spec, Status: c.status}
		next, err := velero.NextRun(s)
		if !next.Equal(c.want) || (err != nil) != c.bad {
			t.Errorf("%s: %v, %v; want %v", name, next, err, c.want)
		}
	}
}
