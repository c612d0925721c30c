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
	first := map[member.Reason]string{}
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
			first[reason] = f.Cluster
		}
	}
	for _, g := range groups {
		_, _ = fmt.Fprintf(e.ErrOut, "error: %s: %s\n", strings.Join(g.clusters, ", "), printers.Escape(g.text))
	}
	for _, reason := range reasons {
		if hint := hintFor(reason, first[reason], e.DisplayName()); hint != "" {
			_, _ = fmt.Fprintf(e.ErrOut, "hint: %s\n", hint)
		}
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

// hintFor is the next thing to try after a failure; cluster is one that has it.
func hintFor(reason member.Reason, cluster, plugin string) string {
	alone := "-C " + cluster
	if _, hub, is := strings.Cut(cluster, "="); is { // no member name has that: an inventory
		alone = "--context " + hub
	}
	switch reason {
	case member.ReasonUnreachable, member.ReasonServerError, member.ReasonInvalidAnswer:
		return fmt.Sprintf("%s version --server %s -v=6 shows the request", plugin, alone)
	case member.ReasonTimeout, member.ReasonIncomplete:
		return "a greater --cluster-timeout waits longer for each answer"
	case member.ReasonUntrusted:
		return "the certificate-authority of that context does not fit the server: fetch its kubeconfig again"
	case member.ReasonLoginFailed:
		return fmt.Sprintf("%s version --server %s logs in to that cluster alone", plugin, alone)
	case member.ReasonUnauthorized:
		return "the server does not accept the credentials of that context: log in again"
	case member.ReasonForbidden:
		return "kubectl auth can-i --list with that context shows what you may do"
	case member.ReasonMisconfigured:
		return "kubectl config get-contexts lists the contexts; -C '^" + cluster + "' leaves this cluster out"
	case member.ReasonWrongCluster:
		return "the context of " + cluster + " leads elsewhere than when it joined: compare the fleet file with the kubeconfig"
	case member.ReasonThrottled:
		return "the server asks for fewer requests: try again, or lower --concurrency"
	case member.ReasonNotInstalled:
		if strings.Contains(cluster, "=") {
			return "--inventory wants the context of the hub itself; kubectl config get-contexts lists the contexts"
		}
	case member.ReasonNotFound, member.ReasonInvalid, member.ReasonExpired,
		member.ReasonRefused, member.ReasonUnhealthy, member.ReasonCanceled, member.ReasonInternal:
	}
	return ""
}
