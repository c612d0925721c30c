package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// ending says what the making of a set has come to, and what is left to do.
type ending struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	// namespace is where the clusters remember runs.
	namespace string
}

// refused is an error before anything was changed.
func refused(err error) error {
	if _, is := errors.AsType[*backup.RefusedError](err); is {
		return &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("%w; nothing was changed", err)}
	}
	return err
}

// conclude prints what a run has come to, and chooses the exit code.
func (o ending) conclude(ctx context.Context, output cli.Output, e *v1alpha1.BackupExecution, err error) error {
	if e == nil {
		return refused(err)
	}
	if err := printSets(o.env, output, []*v1alpha1.BackupExecution{e}, nil); err != nil {
		return err
	}
	if verdict := o.verdict(ctx, e, err); verdict != nil {
		return verdict
	}
	return nil
}

// verdict is what a run comes to; nil: it is as was asked for.
func (o ending) verdict(ctx context.Context, e *v1alpha1.BackupExecution, err error) *cli.Error {
	verdict := verdictOf(e)
	again := o.recovering(e)
	switch {
	case err == nil && e.Status.Phase == v1alpha1.BackupFinishing:
		o.env.Note("Velero goes on; %s seals the set", again)
		return verdict
	case err == nil:
		return verdict
	case isA[*backup.RefusedError](err):
		return &cli.Error{Code: cli.ExitRefused, Err: err}
	case isA[*backup.AttentionError](err):
		attention, _ := errors.AsType[*backup.AttentionError](err)
		o.sayUnreleased(attention.Holds)
		return &cli.Error{Code: cli.ExitAttention, Err: err, Hint: again + " tries again, also after it was done by hand, and ends the run"}
	case isA[*backup.AbortedError](err): // also if it was --timeout that ended it: nothing goes on
		is := &cli.Error{Code: cli.ExitFailed, Err: err}
		if ctx.Err() != nil {
			is.Code = cli.ExitInterrupted
		}
		if aborted, _ := errors.AsType[*backup.AbortedError](err); len(aborted.Untold) > 0 {
			is.Hint = fmt.Sprintf("%s remembers the run as one that goes on: %s ends it", strings.Join(aborted.Untold, ", "), again)
		}
		return is
	case isA[*backup.TimeoutError](err):
		return &cli.Error{Code: cli.ExitTimeout, Err: err, Hint: again + " seals the set when they have"}
	case ctx.Err() != nil:
		return &cli.Error{Code: cli.ExitInterrupted, Err: err, Hint: "everything was released; " + again + " waits for what Velero was asked for, and seals it"}
	case isA[*backup.SilentError](err):
		return &cli.Error{Code: cli.ExitPartial, Err: err}
	case isA[*backup.SealError](err):
		if verdict == nil {
			verdict = &cli.Error{Code: cli.ExitPartial}
		}
		verdict.Err, verdict.Hint = err, again+" gives it to those that do not have it"
		return verdict
	case verdict == nil:
		return &cli.Error{Code: cli.ExitFailed, Err: err}
	}
	verdict.Err = err
	return verdict
}

// sayUnreleased says of each hold that may still hold how it is, and what releases it by
// hand.
func (o ending) sayUnreleased(holds []backup.Unreleased) {
	for i := range holds {
		h := &holds[i]
		text := fmt.Sprintf("%s is %s", h.Name(), h.Hold.State)
		switch {
		case !h.Deadline.IsZero():
			text += "; its deadman releases it by " + h.Deadline.UTC().Format(time.RFC3339)
		case h.Hold.TTLSeconds > 0:
			text += fmt.Sprintf("; its deadman releases it %s after it was armed", time.Duration(h.Hold.TTLSeconds)*time.Second)
		default:
			text += "; it has no deadman"
		}
		_, _ = fmt.Fprintln(o.env.ErrOut, printers.Escape(text))
		if command := byHand(h, o.clusters.SaidKubeconfig()); command != "" {
			_, _ = fmt.Fprintln(o.env.ErrOut, printers.Escape("  by hand: "+command))
		}
	}
}

// byHand is the command that releases what a hold holds, as a shell takes it; empty where
// there is none. kubeconfig are the words that say which is read, with a space before them.
func byHand(u *backup.Unreleased, kubeconfig string) string {
	words := []string{"kubectl"}
	if u.Cluster.Context == "" {
		return "" // it is reached through a hub: kubectl has no way to it
	}
	words = append(words, "--context", u.Cluster.Context)
	if u.Hold.Namespace != "" {
		words = append(words, "-n", u.Hold.Namespace)
	}
	switch a := u.Action; {
	case a.Exec != nil:
		words = append(words, "exec", u.Hold.Name, "-c", u.Hold.Container, "--")
		words = append(words, a.Exec.Release...)
	case u.Hold.Before == nil: // it was never changed
		return ""
	case a.Scale != nil:
		words = append(words, "patch", strings.ToLower(a.Scale.Kind)+".v1.apps", u.Hold.Name, "--type=merge", "-p", string(u.Hold.Before.Raw))
	case a.Patch != nil:
		kind := strings.ToLower(a.Patch.Kind)
		if group, version, is := strings.Cut(a.Patch.APIVersion, "/"); is {
			kind += "." + version + "." + group
		}
		words = append(words, "patch", kind, u.Hold.Name, "--type=merge", "-p", string(u.Hold.Before.Raw))
	}
	return words[0] + kubeconfig + " " + commandText(words[1:])
}

// recovering is the command that brings a run to its end.
func (o ending) recovering(e *v1alpha1.BackupExecution) string {
	var names []string
	for _, m := range e.Status.Members {
		names = append(names, m.Cluster)
	}
	command := o.env.DisplayName() + " recover " + e.Name + o.clusters.SaidKubeconfig() + " -C " + strings.Join(names, ",")
	if o.namespace != backup.DefaultStateNamespace {
		command += " --state-namespace " + cli.ShellWord(o.namespace)
	}
	return command
}

// verdictOf is the exit code that a set comes to by itself; nil: it is as was asked for.
func verdictOf(e *v1alpha1.BackupExecution) *cli.Error {
	s := e.Status
	switch {
	case s.Phase == v1alpha1.BackupAborted:
		return &cli.Error{Code: cli.ExitFailed}
	case s.Phase != v1alpha1.BackupSealed:
		return nil
	case !slices.ContainsFunc(s.Members, func(m v1alpha1.MemberExecution) bool { return m.Missing == "" }):
		return &cli.Error{Code: cli.ExitFailed}
	case s.Grade == v1alpha1.GradeTorn:
		return &cli.Error{Code: cli.ExitDegraded}
	case !s.Complete:
		return &cli.Error{Code: cli.ExitPartial}
	}
	return nil
}
