package fleet

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// printWatch shows what there is, and each change, until it is interrupted.
func (o *getOptions) printWatch(ctx context.Context, s cli.Selection) error {
	sink := &watchPrinter{env: o.env, table: printers.NewTablePrinter(o.env.Out, o.output.Table())}
	if o.watching.Objects {
		var err error
		if sink.objects, err = o.output.EventPrinter(o.env, o.watching.EventColumn); err != nil {
			return err
		}
	}
	report, err := query.Watch(ctx, fleetOf(s), o.request, o.watching, sink)
	if err != nil {
		return err
	}
	if ctx.Err() != nil { // how a watch ends
		return context.Cause(ctx)
	}
	// The failures have been said as they came.
	return verdict(report, sayAbsences(o.env, report), nil)
}

// watchPrinter writes rows to stdout, and to stderr which clusters go and come.
type watchPrinter struct {
	env     *cli.Env
	table   *printers.TablePrinter
	objects printers.EventPrinter // nil for tables
}

var _ query.WatchSink = (*watchPrinter)(nil)

// Rows implements query.WatchSink.
func (p *watchPrinter) Rows(table *metav1.Table) error { return p.table.Print(table) }

// Object implements query.WatchSink.
func (p *watchPrinter) Object(event watch.EventType, object query.Object) error {
	return p.objects.Print(object.Cluster, event, object.Unstructured)
}

// Lost implements query.WatchSink.
func (p *watchPrinter) Lost(cluster string, err error, never bool) {
	sayLost(p.env, cluster, err, never)
}

// Back implements query.WatchSink.
func (p *watchPrinter) Back(cluster string, never bool) { sayBack(p.env, cluster, never) }

// Failed implements query.WatchSink.
func (p *watchPrinter) Failed(failures []fanout.Failure) { p.env.SayFailures(failures) }

// Lacking implements query.WatchSink.
func (p *watchPrinter) Lacking(absent []query.Absence) {
	for _, a := range absent {
		sayLacking(p.env, a)
	}
}

// sayLost says that a cluster does not answer any longer, or never did.
func sayLost(env *cli.Env, cluster string, err error, never bool) {
	what := "lost"
	if never {
		what = "not reached"
	}
	env.Note("%s: %s: %s: %s; trying again", cluster, what, member.ReasonOf(err), err)
}

// sayBack says that a cluster answers again, or for the first time.
func sayBack(env *cli.Env, cluster string, never bool) {
	what := "back"
	if never {
		what = "reached"
	}
	env.Note("%s: %s", cluster, what)
}
