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

// timeline draws when each member was still, cut and released, so that one sees the
// barrier. Without a hold there is nothing to be seen.
func timeline(w io.Writer, e *v1alpha1.BackupExecution) {
	var last, quiet int64
	first, release := int64(math.MaxInt64), int64(-1)
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
		if at.Release != nil && (release < 0 || *at.Release < release) {
			release = *at.Release
		}
	}
	if last <= first || quiet == 0 {
		return
	}
	column := func(at int64) int { return int((at - first) * (timelineWidth - 1) / (last - first)) }
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
		fill(at.Asked, at.Cut, '#')
		fill(at.Release, at.Released, 'r')
		line[column(quiet)] = '|'
		if release >= 0 {
			line[column(release)] = '|'
		}
		_, _ = fmt.Fprintf(w, "%-*s  %s\n", name, m.Cluster, line)
	}
	_, _ = fmt.Fprintf(w, "%-*s  0s%*s\n", name, "", timelineWidth-2, (time.Duration(last-first) * time.Millisecond).String())
}
