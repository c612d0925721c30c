package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/restore"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
)

// restoring is what restore, drill and migrate have in common: a plan, a look at the
// targets, a question, and the run.
type restoring struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	mutation cli.Mutation
	settings restore.Settings
	set      string
}

// do restores a set.
func (o *restoring) do(ctx context.Context, set *v1alpha1.BackupExecution, request restore.Request) error {
	plan, selection, err := o.among(ctx, set, request)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	fleet, err := targetsOf(selection, plan)
	if err != nil {
		return cli.UsageError(err)
	}
	progress := newRestoreProgress(o.env)
	warnings, err := o.look(ctx, fleet, plan, o.settings, progress)
	if err != nil {
		return err
	}
	if o.settings.Preview {
		return o.showPreview(ctx, fleet, plan, warnings)
	}
	show := func(w io.Writer) error { return showRestorePlan(w, plan, warnings, o.output.Table()) }
	if o.mutation.DryRun != "" {
		if o.output.Format.IsTable() {
			return show(o.env.Out)
		}
		return printRestore(o.env, o.output, plan, nil)
	}
	err = o.mutation.Confirm(ctx, cli.Question{
		Plan: show, Clusters: len(fleet.Clusters), Do: fmt.Sprintf("Restore %s into %s", set.Name, counted(len(fleet.Clusters), "cluster")),
		Warnings: warningTexts(warnings),
	})
	if err != nil {
		return err
	}
	return o.execute(ctx, fleet, plan, progress)
}

// among plans a restore, and finds the clusters that it is for. -C and its like choose among
// its targets: what goes into others is left out, since only what is chosen is written to.
func (o *restoring) among(ctx context.Context, set *v1alpha1.BackupExecution, request restore.Request) (*v1alpha1.RestoreExecution, cli.Selection, error) {
	if !o.clusters.Narrowed() {
		plan, err := o.planOf(set, request)
		if err != nil {
			return nil, cli.Selection{}, err
		}
		selection, err := o.clusters.Select(ctx, restore.Targets(plan)...)
		return plan, selection, err
	}
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return nil, selection, err
	}
	request.Chosen = func(target string) string {
		if found := named(selection.Clusters, target); len(found) > 0 {
			return found[0].Name
		}
		return ""
	}
	plan, err := o.planOf(set, request)
	if nowhere, is := errors.AsType[*restore.NowhereError](err); is {
		err = &cli.Error{
			Code: cli.ExitUsage, Err: fmt.Errorf("no part of %s is restored into %s", nowhere.Set, inventory.Names(selection.Clusters)),
			Hint: "-C chooses among the clusters that are restored into: " + strings.Join(nowhere.Targets, ", ") + "; --map SOURCE=TARGET says which those are",
		}
	}
	return plan, selection, err
}

// planOf is how a set would be restored.
func (o *restoring) planOf(set *v1alpha1.BackupExecution, request restore.Request) (*v1alpha1.RestoreExecution, error) {
	request.Run, request.By, request.Version, request.Now = restore.NewRun(set.Name), o.env.Who(), cli.PluginVersion(o.env.Plugin).Version, time.Now()
	plan, err := restore.PlanOf(set, request)
	if refused, is := errors.AsType[*restore.RefusedError](err); is {
		return nil, &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("%w; nothing was changed", refused.Err), Hint: refused.Fix}
	}
	return plan, asUsage(err)
}

// execute does what was confirmed, and reports it.
func (o *restoring) execute(ctx context.Context, fleet restore.Fleet, plan *v1alpha1.RestoreExecution, progress *restoreProgress) error {
	drill := plan.Spec.Purpose == v1alpha1.RestoreForDrill
	if drill {
		if err := o.clean(ctx, fleet, progress); err != nil { // what one has left that was killed
			return err
		}
	}
	progress.watch(plan)
	done, failures, err := restore.Execute(ctx, fleet, plan, o.settings, progress)
	progress.done()
	if drill && !restore.IsLocked(err) {
		left := o.clean(ctx, fleet, progress)
		done.Status.Cleaned = left == nil
		if verdict := o.conclude(ctx, done, failures, err); left == nil {
			o.env.Note("everything that the drill made was deleted")
			return verdict
		}
		return left
	}
	return o.conclude(ctx, done, failures, err)
}

// targetsOf are the clusters that a plan restores into.
func targetsOf(selection cli.Selection, plan *v1alpha1.RestoreExecution) (restore.Fleet, error) {
	fleet := restore.Fleet{Members: selection.Members, Fanout: selection.Fanout}
	for _, name := range restore.Targets(plan) {
		found := named(selection.Clusters, name)
		if len(found) != 1 {
			return fleet, fmt.Errorf("%s means %d clusters: --map says which one is restored into", name, len(found))
		}
		fleet.Clusters = append(fleet.Clusters, found[0])
		restore.Name(plan, name, found[0].Name)
	}
	return fleet, nil
}

// look looks at the targets, and refuses where the plan cannot be done.
func (o *restoring) look(ctx context.Context, fleet restore.Fleet, plan *v1alpha1.RestoreExecution, settings restore.Settings, progress *restoreProgress) (map[string][]v1alpha1.BackupFinding, error) {
	results := restore.Look(ctx, fleet, plan, settings, progress)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	results.RefuseTwins(func(s *restore.Sight) string { return string(s.UID) })
	if failures := results.Failures(nil); len(failures) > 0 {
		o.env.SayFailures(failures)
		return nil, &cli.Error{Code: cli.ExitRefused, Err: errors.New("nothing was changed: --map restores into other clusters, and -C leaves some out")}
	}
	speaks := refusals{}
	warnings := map[string][]v1alpha1.BackupFinding{}
	var sights []*restore.Sight
	for _, r := range results {
		sights = append(sights, r.Value)
		warnings[r.Cluster.Name] = r.Value.Warnings
		speaks.add(r.Cluster.Name, r.Value.Refusals)
		restore.Identify(plan, r.Cluster.Name, r.Value.UID)
	}
	if len(speaks) > 0 {
		speaks.say(o.env)
		return nil, &cli.Error{Code: cli.ExitRefused, Err: errors.New("nothing was changed")}
	}
	if restore.Adopt(plan, sights) {
		o.env.Note("it goes on with %s, which stopped before its end", plan.Name)
	}
	return warnings, nil
}

// conclude reports what a restore came to.
func (o *restoring) conclude(ctx context.Context, x *v1alpha1.RestoreExecution, failures []fanout.Failure, err error) error {
	failures = slices.DeleteFunc(failures, func(f fanout.Failure) bool { return errors.Is(f.Err, cli.ErrInterrupted) }) // it goes on
	printed := printRestore(o.env, o.output, x, failures)
	o.env.SayFailures(failures)
	verdict := cli.Verdict(len(x.Spec.Members), failures)
	switch {
	case restore.IsTakenOver(err), some(failures, restore.IsTakenOver):
		return &cli.Error{Code: cli.ExitAttention, Err: err, Hint: "somebody else goes on with it, or has begun another"}
	case restore.IsLocked(err):
		return &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("%w; nothing was changed", err)}
	case ctx.Err() != nil:
		o.env.Note("Velero goes on with what it was asked for; the same command again goes on with the rest")
		return &cli.Error{Code: cli.ExitInterrupted}
	case err != nil:
		return err
	case verdict == nil:
		return printed
	case some(failures, isA[*restore.CanaryError]):
		verdict.Code = cli.ExitDegraded
	case some(failures, isA[*restore.KeptError]):
		return &cli.Error{
			Code: cli.ExitDegraded, Err: errors.Join(errors.New("not all that is there now is the set's"), printed),
			Hint: "--namespace-mappings restores beside what is there; or delete the namespaces, and restore again; --existing-resources update patches objects, and volumes keep their data",
		}
	case some(failures, isA[*restore.TimeoutError]):
		verdict.Code = cli.ExitTimeout
		o.env.Note("Velero goes on with what it was asked for; the same command again looks at it anew")
	}
	verdict.Err = printed
	return verdict
}

func some(failures []fanout.Failure, is func(error) bool) bool {
	for _, f := range failures {
		if is(f.Err) {
			return true
		}
	}
	return false
}

func isA[E error](err error) bool {
	_, is := errors.AsType[E](err)
	return is
}
