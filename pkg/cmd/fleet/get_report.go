package fleet

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// conclude says on stderr what the result cannot show, and chooses the exit
// code. printed is the error of printing, which must not keep the failed
// clusters from being named.
func (o *getOptions) conclude(report query.Report, printed error) error {
	if o.ignoreNotFound {
		report.Absent = slices.DeleteFunc(report.Absent, func(absent query.Absence) bool {
			var object *query.NotFoundError
			return errors.As(absent.Err, &object)
		})
	}
	if report.Limited {
		o.env.Note("there is more: --limit lets %d through", report.Shown)
	}
	err := conclude(o.env, report, printed)
	if !o.ignoreNotFound && printed == nil && o.raw == "" {
		namespace := o.request.Namespace
		if o.request.AllNamespaces {
			namespace = ""
		}
		sayNothing(o.env, o.output, report, namespace)
	}
	return err
}

// conclude says which clusters failed or lack something, and chooses the exit
// code.
func conclude(env *cli.Env, report query.Report, printed error) error {
	nowhere := sayAbsences(env, report)
	env.SayFailures(report.Failures)
	return verdict(report, nowhere, printed)
}

// verdict is the exit code of a result, with the error of printing it; nil if
// all is well.
func verdict(report query.Report, nowhere bool, printed error) error {
	failed := cli.Verdict(report.Asked, report.Failures)
	if failed == nil && (nowhere || printed != nil) {
		failed = &cli.Error{Code: cli.ExitFailed}
	}
	if failed == nil {
		return nil
	}
	failed.Err = printed
	return failed
}

// sayAbsences says what was asked for and is missing where.
func sayAbsences(env *cli.Env, report query.Report) (nowhere bool) {
	for _, absent := range report.Absent {
		if absent.Everywhere {
			nowhere = true
			sayNowhere(env, absent, report)
		} else {
			sayLacking(env, absent)
		}
	}
	return nowhere
}

// sayLacking says that some clusters do not have what was asked for.
func sayLacking(env *cli.Env, absent query.Absence) {
	env.Note("%s: %s", strings.Join(absent.Clusters, ", "), absent.Err)
}

// sayNowhere says that no cluster that answered has what was asked for.
func sayNowhere(env *cli.Env, absent query.Absence, report query.Report) {
	where := "in any of " + clusters(report.Asked)
	if len(report.Failures) > 0 {
		where = fmt.Sprintf("in any of the %d that answered, of %s", len(absent.Clusters), clusters(report.Asked))
	} else if report.Asked == 1 {
		where = "in " + absent.Clusters[0]
	}
	_, _ = fmt.Fprintf(env.ErrOut, "error: %s %s\n", printers.Escape(absent.Err.Error()), where)
}

// sayNothing says of a table that there is nothing to show, in a namespace if one
// was asked for. That something is nowhere, or that no cluster answered, has been
// said.
func sayNothing(env *cli.Env, output cli.Output, report query.Report, namespace string) {
	answered := report.Asked - len(report.Failures)
	nowhere := slices.ContainsFunc(report.Absent, func(a query.Absence) bool { return a.Everywhere })
	if report.Shown > 0 || answered == 0 || nowhere || !output.Format.IsTable() {
		return
	}
	where := answering(report.Asked, len(report.Failures))
	if namespace != "" {
		where = fmt.Sprintf("namespace %s of %s", namespace, where)
	}
	_, _ = fmt.Fprintf(env.ErrOut, "No resources found in %s.\n", where)
}

func clusters(n int) string {
	if n == 1 {
		return "1 cluster"
	}
	return fmt.Sprintf("%d clusters", n)
}

// answering are those of some clusters that have not failed, in words.
func answering(asked, failed int) string {
	if failed == 0 {
		return clusters(asked)
	}
	return fmt.Sprintf("the %d that answered, of %s", asked-failed, clusters(asked))
}
