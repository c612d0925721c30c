package fleet

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// conclude says on stderr what the result cannot show, and chooses the exit
// code. printed is the error of printing, which must not keep the failed
// clusters from being named.
func (o *getOptions) conclude(report query.Report, printed error) error {
	nowhere := false
	for _, absent := range report.Absent {
		var object *query.NotFoundError
		if o.ignoreNotFound && errors.As(absent.Err, &object) {
			continue
		}
		if absent.Everywhere {
			nowhere = true
			o.sayNowhere(absent, report)
			continue
		}
		o.env.Note("%s: %s", strings.Join(absent.Clusters, ", "), absent.Err)
	}
	if report.Limited {
		o.env.Note("there is more: --limit lets %d through", report.Shown)
	}
	o.env.SayFailures(report.Failures)
	verdict := cli.Verdict(report.Asked, report.Failures)
	if verdict == nil && (nowhere || printed != nil) {
		verdict = &cli.Error{Code: cli.ExitFailed}
	}
	if verdict != nil {
		verdict.Err = printed
		return verdict
	}
	if report.Shown == 0 && !o.ignoreNotFound {
		o.sayNothing(report)
	}
	return nil
}

func (o *getOptions) sayNowhere(absent query.Absence, report query.Report) {
	where := "in any of " + clusters(report.Asked)
	if len(report.Failures) > 0 {
		where = fmt.Sprintf("in any of the %d that answered, of %s", len(absent.Clusters), clusters(report.Asked))
	} else if report.Asked == 1 {
		where = "in " + absent.Clusters[0]
	}
	_, _ = fmt.Fprintf(o.env.ErrOut, "error: %s %s\n", printers.Escape(absent.Err.Error()), where)
}

func (o *getOptions) sayNothing(report query.Report) {
	where := " in " + clusters(report.Asked)
	if ns := o.request.Namespace; ns != "" && !o.request.AllNamespaces {
		where = fmt.Sprintf(" in namespace %s of %s", ns, clusters(report.Asked))
	}
	_, _ = fmt.Fprintf(o.env.ErrOut, "No resources found%s.\n", where)
}

func clusters(n int) string {
	if n == 1 {
		return "1 cluster"
	}
	return fmt.Sprintf("%d clusters", n)
}
