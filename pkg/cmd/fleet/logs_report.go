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

// conclude says on stderr which clusters and logs failed, and chooses the exit
// code.
func (o *logsOptions) conclude(ctx context.Context, r query.LogReport) error {
	failed := append([]fanout.Failure{}, r.Failures...)
	for _, f := range r.Broken {
		source := strings.TrimPrefix(f.Source.String(), f.Source.Pod.Cluster.Name+"/")
		failed = append(failed, fanout.Failure{Cluster: f.Source.Pod.Cluster.Name, Inventory: f.Source.Pod.Cluster.Provider, Err: fmt.Errorf("%s: %w", source, f.Err), Rows: f.Lines})
	}
	if ctx.Err() != nil {
		o.env.SayFailures(failed)
		return context.Cause(ctx)
	}
	nowhere := o.sayNowhere(r)
	o.env.SayFailures(failed)
	// A log is worth as much as a cluster: some are there, some are not.
	complete := len(r.Sources) - len(r.Broken)
	if len(r.Sources) == 0 {
		complete = r.Asked - len(r.Failures)
	}
	if verdict := cli.Verdict(complete+len(failed), failed); verdict != nil {
		return verdict
	}
	if nowhere {
		return &cli.Error{Code: cli.ExitFailed}
	}
	if len(r.Sources) == 0 {
		_, _ = fmt.Fprintf(o.env.ErrOut, "No pods found in %s.\n", clusters(r.Asked))
	}
	return nil
}

// sayLacking says which clusters lack what others have, and which pods the
// container or show only one of theirs.
func (o *logsOptions) sayLacking(r query.LogReport) {
	for _, absent := range r.Absent {
		if !absent.Everywhere {
			o.env.Note("%s: %s", strings.Join(absent.Clusters, ", "), absent.Err)
		}
	}
	if len(r.Sources) > 0 {
		for _, lacking := range r.Lacking {
			o.env.Note("%s: %s", lacking.Pod.Cluster.Name, lacking)
		}
	}
	o.sayDefaulted(r.Sources)
}

// sayNowhere says that what was asked for is nowhere, and returns whether it is.
func (o *logsOptions) sayNowhere(r query.LogReport) (nowhere bool) {
	if len(r.Sources) > 0 {
		return false
	}
	for _, absent := range r.Absent {
		if absent.Everywhere {
			nowhere = true
			sayNowhere(o.env, absent, r.Report)
		}
	}
	for _, lacking := range r.Lacking {
		nowhere = true
		_, _ = fmt.Fprintf(o.env.ErrOut, "error: %s: %s\n", lacking.Pod.Cluster.Name, printers.Escape(lacking.Error()))
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
