package fleetbackup

import (
	"fmt"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// setTable is how far a set is: a row for each cluster, and below them how long anything
// is frozen.
type setTable struct {
	clusters []string
	rows     map[string]*setRow
	// quiesces: something is held still, for so long at most.
	quiesces bool
	most     time.Duration
	// width is that of the barrier; nil before all is still.
	width *time.Duration
	began time.Time
}

// setRow is how far one cluster is. What is zero has not come.
type setRow struct {
	freezing, still, asked, released time.Time
	cut                              *time.Duration
	release                          time.Duration
	backup                           v1alpha1.MemberBackup
	lost                             bool
}

func newSetTable(clusters []string, policy *v1alpha1.BackupSchedule) setTable {
	t := setTable{clusters: clusters, rows: map[string]*setRow{}, quiesces: len(policy.Spec.Quiesce) > 0, most: policy.Spec.MaxFreeze.Duration, began: time.Now()}
	for _, c := range clusters {
		t.rows[c] = &setRow{}
	}
	return t
}

// lines are the table at a time.
func (t *setTable) lines(now time.Time) []string {
	header := []string{"CLUSTER", "CUT", "PHASE", "ITEMS"}
	if t.quiesces {
		header = []string{"CLUSTER", "QUIESCE", "CUT", "RELEASE", "PHASE", "ITEMS"}
	}
	rows := [][]string{header}
	for _, name := range t.clusters {
		r := t.rows[name]
		cells := []string{name}
		if t.quiesces {
			cells = append(cells, r.quiesced(now), r.cutting(now), r.freed())
		} else {
			cells = append(cells, r.cutting(now))
		}
		rows = append(rows, append(cells, r.phase(), r.items()))
	}
	return append(aligned(rows), t.below(now))
}

// below is how long anything has been frozen, or else how long it lasts.
func (t *setTable) below(now time.Time) string {
	var first, last time.Time
	open := false
	for _, r := range t.rows {
		if r.freezing.IsZero() {
			continue
		}
		if first.IsZero() || r.freezing.Before(first) {
			first = r.freezing
		}
		open = open || r.released.IsZero()
		if r.released.After(last) {
			last = r.released
		}
	}
	if first.IsZero() {
		return "for " + now.Sub(t.began).Truncate(time.Second).String()
	}
	if open {
		last = now
	}
	text := fmt.Sprintf("frozen %s of %s at most", tenths(last.Sub(first)), t.most)
	if t.width != nil {
		text += "; barrier width " + t.width.String()
	}
	if !open {
		text += "; for " + now.Sub(t.began).Truncate(time.Second).String()
	}
	return text
}

func (r *setRow) quiesced(now time.Time) string {
	switch {
	case !r.still.IsZero():
		return doneCell(r.still.Sub(r.freezing))
	case r.lost:
		return "✘"
	case !r.freezing.IsZero():
		return lastsCell(r.freezing, now)
	}
	return ""
}

func (r *setRow) cutting(now time.Time) string {
	switch {
	case r.cut != nil:
		return doneCell(*r.cut)
	case r.asked.IsZero():
		return ""
	case r.lost || !r.released.IsZero():
		return "✘"
	}
	return lastsCell(r.asked, now)
}

func (r *setRow) freed() string {
	if r.released.IsZero() {
		return ""
	}
	return doneCell(r.release)
}

func (r *setRow) phase() string {
	if r.lost {
		return "lost"
	}
	return printers.Escape(r.backup.Phase)
}

func (r *setRow) items() string {
	if r.backup.Total == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", r.backup.Items, r.backup.Total)
}
