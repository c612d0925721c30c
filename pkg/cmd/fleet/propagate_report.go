package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
)

// conclude reports a run.
func (o *propagateOptions) conclude(ctx context.Context, view planView, results fanout.Results[propagate.Outcome]) error {
	failures := results.Failures(nil)
	printed := o.print(view.after(results), failures)
	o.env.SayFailures(failures)
	verdict := cli.Verdict(len(results), failures)
	if verdict == nil {
		return printed
	}
	verdict.Err = printed
	for _, r := range results {
		if r.Value.RollbackErr != nil {
			o.env.SayFailures([]fanout.Failure{{Cluster: r.Cluster.Name, Inventory: r.Cluster.Provider, Err: fmt.Errorf("it could not be brought back: %w", r.Value.RollbackErr)}})
		}
	}
	var left notes
	for _, r := range results {
		if len(r.Value.Left) > 0 {
			left.add(r.Cluster.Name, "rolled back, and "+strings.Join(r.Value.Left, ", ")+" stays")
		}
	}
	left.say(o.env)
	some := func(is func(propagate.Outcome, error) bool) bool {
		return slices.ContainsFunc(results, func(r fanout.Result[propagate.Outcome]) bool { return is(r.Value, r.Err) })
	}
	unfinished := some(func(out propagate.Outcome, _ error) bool { return out.Phase == v1alpha1.PropagationFailed })
	waiting := some(func(out propagate.Outcome, _ error) bool { return out.Phase == v1alpha1.PropagationPending })
	switch {
	case some(isTaken):
		verdict.Code = cli.ExitRefused
		if some(isLocked) {
			verdict.Hint = "wait until that run ends; a run that died loses its lock by itself, and one that hangs must be ended where it runs, or by deleting its Lease"
		}
	case some(isUnlocked), some(func(out propagate.Outcome, _ error) bool { return out.RollbackErr != nil }),
		(unfinished || waiting) && (ctx.Err() != nil || o.rollout.strategy.OnFailure == propagate.Pause): // somebody must say how it goes on
		verdict.Code = cli.ExitAttention
	case some(isTimeout):
		verdict.Code = cli.ExitTimeout
	}
	switch {
	case (unfinished || waiting) && o.takesBack:
		o.env.Note("the same command again goes on where this stopped")
	case unfinished || waiting:
		o.env.Note("the same command again goes on where this stopped; %s rollback %s%s takes it back", o.env.DisplayName(), o.options.Set, o.where())
	case !some(isChanged):
		o.env.Note("nothing was changed")
	}
	return verdict
}

// where are the flags by which another command means the same set.
func (o *propagateOptions) where() string {
	flags := o.clusters.Said()
	if o.hub != "" {
		flags += " --via " + cli.ShellWord("karmada="+o.hub)
	}
	if o.options.StateNamespace != direct.DefaultStateNamespace {
		flags += " --state-namespace " + cli.ShellWord(o.options.StateNamespace)
	}
	return flags
}

// isUnlocked is true for a set whose lock was lost: somebody must see what became
// of it.
func isUnlocked(_ propagate.Outcome, err error) bool {
	return propagate.IsUnlocked(err)
}

// isTaken is true for a set that somebody else is at work on, or was since the
// plan.
func isTaken(_ propagate.Outcome, err error) bool {
	return propagate.IsTaken(err)
}

// isLocked is true for a set that somebody else is at work on.
func isLocked(_ propagate.Outcome, err error) bool {
	return propagate.IsLocked(err)
}

// timedOut is a failure that says whether time ran out, and nothing else was wrong.
type timedOut interface {
	error
	TimedOut() bool
}

// isTimeout is true for a cluster that is left as it is, since time ran out and
// nothing had failed.
func isTimeout(out propagate.Outcome, err error) bool {
	late, is := errors.AsType[timedOut](err)
	return is && late.TimedOut() && (out.Phase == v1alpha1.PropagationFailed || out.Phase == v1alpha1.PropagationUnchanged)
}

// isChanged is true for a cluster in which something was done.
func isChanged(out propagate.Outcome, _ error) bool {
	return out.Phase != v1alpha1.PropagationPlanned && out.Phase != v1alpha1.PropagationUnchanged
}
