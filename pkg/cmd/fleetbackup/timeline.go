package fleetbackup

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
)

// timelineWidth is how many columns a set's time has.
const timelineWidth = 60

// never is an instant that is not known.
const never = int64(-1)

// timeline draws when each member was still, cut and released, so that one sees the
// barrier: the bars stand where all was still, and where the first was released. Where
// nothing was held still, one sees whether the cuts overlap.
func timeline(w io.Writer, e *v1alpha1.BackupExecution) {
	var last int64
	first, quiet, release := int64(math.MaxInt64), never, never
	name := 0
	for _, m := range e.Status.Members {
		at := m.Instants
		name = max(name, len(m.Cluster))
		for _, instant := range []*int64{at.Armed, at.Quiet, at.Asked, at.Cut, at.Release, at.Released} {
			if instant != nil {
				first, last = min(first, *instant), max(last, *instant)
			}
		}
		if m.Missing != "" {
			continue
		}
		if at.Quiet != nil {
			quiet = max(quiet, *at.Quiet)
		}
		if at.Release != nil && (release == never || *at.Release < release) {
			release = *at.Release
		}
	}
	if last <= first {
		return
	}
	// In floating point: instants come from clusters, and may be any number.
	column := func(at int64) int {
		return int((float64(at) - float64(first)) / (float64(last) - float64(first)) * (timelineWidth - 1))
	}
	_, _ = fmt.Fprintln(w)
	for _, m := range e.Status.Members {
		at := m.Instants
		line := []byte(strings.Repeat(".", timelineWidth))
		fill := func(from, to *int64, with byte) {
			if from == nil || to == nil {
				return
			}
			for i := column(*from); i <= column(*to); i++ {
				line[i] = with
			}
		}
		fill(at.Armed, at.Quiet, 'q')
		fill(at.Quiet, at.Release, '=')
		fill(at.Release, at.Released, 'r')
		fill(at.Asked, at.Cut, '#')
		for _, bar := range []int64{quiet, release} {
			if bar != never {
				line[column(bar)] = '|'
			}
		}
		_, _ = fmt.Fprintf(w, "%-*s  %s\n", name, m.Cluster, line)
	}
	// The times stand below what they are of, as far as there is room.
	scale := "0s"
	for _, at := range []int64{quiet, release, last} {
		if at == never {
			continue
		}
		text := sinceBegin(at - first)
		if from := min(column(at), timelineWidth-len(text)); from > len(scale) {
			scale += strings.Repeat(" ", from-len(scale)) + text
		}
	}
	_, _ = fmt.Fprintf(w, "%-*s  %s\n", name, "", scale)
	legend := "# cut"
	if quiet != never {
		legend = "q being held still   = still   # cut   r being released   | all still at " + sinceBegin(quiet-first)
		if release != never {
			legend += ", the first released at " + sinceBegin(release-first)
		}
	}
	_, _ = fmt.Fprintf(w, "%-*s  %s\n", name, "", legend)
}

func sinceBegin(millis int64) string { return (time.Duration(millis) * time.Millisecond).String() }
