package velero

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	velerov1 "github.com/vmware-tanzu/velero/pkg/apis/velero/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

func schedules() member.Resource { return resource("schedules", "Schedule") }

// Schedules reads all Schedules.
func (s Server) Schedules(ctx context.Context) ([]*velerov1.Schedule, error) {
	return list[velerov1.Schedule](ctx, s, schedules(), "")
}

// NextRun is when a Schedule is due next, by the cluster's clock; zero: never. A time that
// has passed means at the next tick, of which Velero has one a minute. Where its cron says
// no time zone it is that of Velero's process, which is taken to be UTC.
func NextRun(s *velerov1.Schedule) (time.Time, error) {
	if s.Spec.Paused || s.Status.Phase == velerov1.SchedulePhaseFailedValidation {
		return time.Time{}, nil
	}
	last := s.CreationTimestamp.Time
	if s.Status.LastBackup != nil {
		last = s.Status.LastBackup.Time
	}
	if skipped := s.Status.LastSkipped; skipped != nil && skipped.After(last) {
		last = skipped.Time
	}
	text := strings.TrimSpace(s.Spec.Schedule)
	if zoned := strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ="); zoned && !strings.Contains(text, " ") {
		return time.Time{}, fmt.Errorf("cron %q has a time zone and no time", text) // the parser panics at it
	}
	parsed, err := cron.ParseStandard(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("cron %q: %w", text, err)
	}
	return parsed.Next(last.UTC()), nil
}
