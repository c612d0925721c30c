package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// APIFailures is the machine-readable form of failures.
func APIFailures(failures []fanout.Failure) []v1alpha1.Failure {
	list := make([]v1alpha1.Failure, len(failures))
	for i, f := range failures {
		list[i] = v1alpha1.Failure{Cluster: f.Cluster, Reason: string(member.ReasonOf(f.Err)), Message: f.Err.Error(), Rows: f.Rows}
	}
	return list
}

// SayFailures names every failed cluster with reason and cause, equal ones
// together, and gives one hint for each reason.
func (e *Env) SayFailures(failures []fanout.Failure) {
	type group struct {
		clusters []string
		text     string
	}
	var groups []*group
	var reasons []member.Reason
	first := map[member.Reason]fanout.Failure{}
	for _, f := range failures {
		reason := member.ReasonOf(f.Err)
		text := fmt.Sprintf("%s: %s", reason, f.Err) // always both: scripts cut at the second colon
		if i := slices.IndexFunc(groups, func(g *group) bool { return g.text == text }); i >= 0 {
			groups[i].clusters = append(groups[i].clusters, f.Cluster)
		} else {
			groups = append(groups, &group{clusters: []string{f.Cluster}, text: text})
		}
		if _, seen := first[reason]; !seen {
			reasons = append(reasons, reason)
			first[reason] = f
		}
	}
	for _, g := range groups {
		_, _ = fmt.Fprintf(e.ErrOut, "error: %s: %s\n", strings.Join(g.clusters, ", "), printers.Escape(g.text))
	}
	for _, reason := range reasons {
		if hint := e.hintFor(reason, first[reason]); hint != "" {
			_, _ = fmt.Fprintf(e.ErrOut, "hint: %s\n", hint)
		}
	}
	// A lack of rights that was found out beforehand is a refusal.
	lacks := func(f fanout.Failure) bool { return member.LacksRights(f.Err) }
	if at := slices.IndexFunc(failures, lacks); at >= 0 && !slices.Contains(reasons, member.ReasonForbidden) {
		_, _ = fmt.Fprintf(e.ErrOut, "hint: %s\n", e.hintOfRights(failures[at].Cluster))
	}
}

// Verdict is the exit code that failures of some clusters come to; nil if there
// are none. They have been said.
func Verdict(asked int, failures []fanout.Failure) *Error {
	switch {
	case len(failures) == 0:
		return nil
	case len(failures) < asked:
		return &Error{Code: ExitPartial}
	}
	return &Error{Code: ExitFailed}
}
