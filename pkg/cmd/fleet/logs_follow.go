package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// runFollow prints what comes until all containers have ended or the user stops
// it.
func (o *logsOptions) runFollow(ctx context.Context, s cli.Selection, printer printers.LogPrinter) error {
	events := &logEvents{options: o}
	report, err := query.FollowLogs(ctx, fleetOf(s), o.request, o.most, events, printer.Print)
	if many, is := errors.AsType[*query.TooManyLogsError](err); is {
		return cli.UsageError(fmt.Errorf("there are more logs to follow than --max-log-requests=%d lets: raise it, or select fewer", many.Most))
	}
	if err != nil {
		return err // of writing: the stream is gone
	}
	if !events.begun {
		o.sayLacking(report)
	}
	return o.conclude(ctx, report)
}

// logEvents says what happens to logs while they are followed.
type logEvents struct {
	options *logsOptions
	begun   bool
}

var _ query.LogEvents = (*logEvents)(nil)

// Begun implements query.LogEvents.
func (e *logEvents) Begun(report query.LogReport) {
	e.begun = true
	e.options.sayLacking(report)
}

// Lost implements query.LogEvents.
func (e *logEvents) Lost(cluster string, err error, never bool) {
	sayLost(e.options.env, cluster, err, never)
}

// Back implements query.LogEvents.
func (e *logEvents) Back(cluster string, never bool) { sayBack(e.options.env, cluster, never) }

// Failed implements query.LogEvents.
func (e *logEvents) Failed(cluster string, err error) {
	e.note("%s: not followed: %s: %s", cluster, member.ReasonOf(err), err)
}

// Gone implements query.LogEvents.
func (e *logEvents) Gone(pod *query.Pod) { e.note("%s: pod %s is gone", pod.Cluster.Name, pod.Name) }

// Full implements query.LogEvents.
func (e *logEvents) Full(source query.LogSource) {
	e.note("%s is new and waits until another log ends: --max-log-requests lets no more than %d be followed", source, e.options.most)
}

func (e *logEvents) note(format string, args ...any) { e.options.env.Note(format, args...) }
