package fleet

import (
	"context"
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// runFollow prints what comes until all containers have ended or the user stops
// it. Clusters that failed before are named at once, and not only at the end.
func (o *logsOptions) runFollow(ctx context.Context, s cli.Selection, r logsResult, printer printers.LogPrinter) error {
	if n := len(r.sources); n > o.most {
		return cli.UsageError(fmt.Errorf("there are %d logs to follow, and --max-log-requests lets %d: raise it, or select fewer", n, o.most))
	}
	for _, f := range r.report.Failures {
		o.env.Note("%s: not followed: %s: %s", f.Cluster, member.ReasonOf(f.Err), f.Err)
	}
	var err error
	r.failures, err = query.FollowLogs(ctx, fleetOf(s), r.sources, o.log, logEvents{o.env}, printer.Print)
	if err != nil {
		return err // of writing: the stream is gone
	}
	return o.conclude(ctx, r)
}

// logEvents says what happens to logs while they are followed.
type logEvents struct{ env *cli.Env }

// Lost implements query.LogEvents.
func (e logEvents) Lost(cluster string, err error) {
	e.env.Note("%s: lost: %s: %s; trying again", cluster, member.ReasonOf(err), err)
}

// Back implements query.LogEvents.
func (e logEvents) Back(cluster string) { e.env.Note("%s: back", cluster) }
