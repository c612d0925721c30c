package fleet

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// logsResult is what came of reading logs.
type logsResult struct {
	// report is that of looking for the pods.
	report   query.Report
	sources  []query.LogSource
	missing  []*query.NoContainerError
	failures []query.LogFailure
}

// conclude says on stderr what the lines cannot show, and chooses the exit code.
func (o *logsOptions) conclude(ctx context.Context, r logsResult) error {
	nowhere := o.sayAbsent(r)
	failed := append([]fanout.Failure{}, r.report.Failures...)
	for _, f := range r.failures {
		source := strings.TrimPrefix(f.Source.String(), f.Source.Pod.Cluster.Name+"/")
		failed = append(failed, fanout.Failure{Cluster: f.Source.Pod.Cluster.Name, Err: fmt.Errorf("%s: %w", source, f.Err), Rows: f.Lines})
	}
	o.env.SayFailures(failed)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// A log is worth as much as a cluster: some are there, some are not.
	complete := len(r.sources) - len(r.failures)
	if len(r.sources) == 0 {
		complete = r.report.Asked - len(r.report.Failures)
	}
	if verdict := cli.Verdict(complete+len(failed), failed); verdict != nil {
		return verdict
	}
	if nowhere {
		return &cli.Error{Code: cli.ExitFailed}
	}
	if len(r.sources) == 0 {
		_, _ = fmt.Fprintf(o.env.ErrOut, "No pods found in %s.\n", clusters(r.report.Asked))
	}
	return nil
}

// sayAbsent says which clusters lack the pod, and which pods the container. It
// returns whether what was asked for is nowhere.
func (o *logsOptions) sayAbsent(r logsResult) (nowhere bool) {
	for _, absent := range r.report.Absent {
		if absent.Everywhere {
			nowhere = true
			sayNowhere(o.env, absent, r.report)
			continue
		}
		o.env.Note("%s: %s", strings.Join(absent.Clusters, ", "), absent.Err)
	}
	for _, absent := range r.missing {
		if len(r.sources) == 0 {
			nowhere = true
			_, _ = fmt.Fprintf(o.env.ErrOut, "error: %s: %s\n", absent.Pod.Cluster.Name, printers.Escape(absent.Error()))
			continue
		}
		o.env.Note("%s: %s", absent.Pod.Cluster.Name, absent)
	}
	return nowhere
}

// sayDefaulted says, once, that there are more containers than those shown.
func (o *logsOptions) sayDefaulted(sources []query.LogSource) {
	var of []string
	for _, s := range sources {
		if s.Defaulted {
			of = append(of, s.String())
		}
	}
	const enough = 3 // names that still help to look at
	if more := len(of) - enough; more > 0 {
		of = append(of[:enough], fmt.Sprintf("%d more", more))
	}
	if len(of) > 0 {
		o.env.Note("the first container is shown of %s; --all-containers shows all, -c chooses", strings.Join(of, ", "))
	}
}
