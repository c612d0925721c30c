package policy

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// Next is the first time after another at which the policy's cron asks for a set; zero
// if it has none.
func Next(p *v1alpha1.BackupSchedule, after time.Time) (time.Time, error) {
	t, err := times(p)
	if t == nil || err != nil {
		return time.Time{}, err
	}
	return t.Next(after), nil
}

// times are those of the policy's cron, in its time zone; nil if it has none.
func times(p *v1alpha1.BackupSchedule) (cron.Schedule, error) {
	text := strings.TrimSpace(p.Spec.Cron)
	if text == "" {
		return nil, nil
	}
	if strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return nil, errors.New("the time zone is said by timeZone")
	}
	return cron.ParseStandard("CRON_TZ=" + cmp.Or(p.Spec.TimeZone, "UTC") + " " + text)
}
