package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func newCmdDelete(env *cli.Env) *cobra.Command {
	flags := &deleteFlags{sets: setFlags{env: env, clusters: cli.NewClusterFlags(env)}}
	cmd := &cobra.Command{
		Use:   "delete SET",
		Short: "Delete a set: its Backups with their snapshots, and what is remembered of it",
		Long: `Delete a set: its Backups with their snapshots, and what is remembered of it.

The Velero of each member deletes the Backups that it has made, from the object store, too, and Restores of them go with them;
what was restored stays. When all Backups are gone the clusters forget the set. If some could not be deleted it is remembered, and
delete can be said again. Without all members nothing is deleted, unless --forget leaves the Backups of the others to Velero's ttl.

Exit codes: 0 the set is gone; 1 nothing was deleted; 3 some of it was; 4 out of time, Velero goes on; 5 refused or not confirmed,
nothing was changed.`,
		Example: `  # What would be deleted
  kubectl fleetbackup delete shop-k3x9 -C east,west --dry-run=server

  # It is
  kubectl fleetbackup delete shop-k3x9 -C east,west`,
		Args: cobra.ExactArgs(1),
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type deleteFlags struct {
	sets     setFlags
	mutation cli.MutationFlags
	timeout  time.Duration
	forget   bool
}

func (f *deleteFlags) addFlags(flags *pflag.FlagSet) {
	f.sets.addFlags(flags)
	f.mutation.AddFlags(flags)
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "How long Velero may take")
	flags.BoolVar(&f.forget, "forget", false, "Delete what can be reached, and forget the set although other members may have Backups of it")
}

type deleteOptions struct {
	*setFlags

	set      string
	output   cli.Output
	mutation cli.Mutation
	timeout  time.Duration
	forget   bool
}

func (f *deleteFlags) toOptions(args []string) (*deleteOptions, error) {
	o := &deleteOptions{setFlags: &f.sets, set: args[0], timeout: f.timeout, forget: f.forget}
	var err error
	if o.output, err = f.sets.output.Parse(); err != nil {
		return nil, err
	}
	if f.timeout <= 0 {
		return nil, cli.UsageError(fmt.Errorf("--timeout is %s: more than 0", f.timeout))
	}
	if err := f.sets.clusters.Chosen(); err != nil {
		return nil, err
	}
	o.mutation, err = f.mutation.Parse(f.sets.env)
	return o, err
}

func (o *deleteOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	line := selection.ShowWaiting(o.env)
	sets, unasked := backup.List(ctx, fleetOf(&selection), o.namespace)
	s, err := backup.Find(sets, o.set)
	if err != nil {
		line.Done()
		o.env.SayFailures(unasked)
		return missing(o.env, err, sets, len(selection.Clusters), unasked)
	}
	o.set = s.Execution.Name
	deletion, failed, err := backup.PrepareDeletion(ctx, fleetOf(&selection), s, o.namespace)
	line.Done()
	if err != nil {
		return &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("%w; nothing was changed", err), Hint: o.env.DisplayName() + " recover " + o.set + " brings it to its end"}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	failures := append(relevant(s, unasked), failed...)
	if !o.forget && slices.ContainsFunc(failed, func(f fanout.Failure) bool { return member.LacksRights(f.Err) }) {
		o.env.SayFailures(failures)
		return &cli.Error{Code: cli.ExitRefused, Err: errors.New("nothing was changed")}
	}
	if unseen := deletion.Unseen(); len(unseen) > 0 && !o.forget {
		o.env.SayFailures(failures)
		return &cli.Error{
			Code: cli.ExitRefused, Err: fmt.Errorf("%s may have Backups of %s, too; nothing was changed", strings.Join(unseen, ", "), o.set),
			Hint: "select all members (-C); --forget leaves those Backups to Velero's ttl",
		}
	}
	if o.mutation.DryRun != "" {
		return o.conclude(ctx, deletion.Planned(), failures)
	}
	err = o.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error {
			o.env.SayFailures(failures)
			return showDeletions(w, deletion.Planned(), o.output.Table())
		},
		Clusters: len(deletion.Parts), Do: fmt.Sprintf("Delete %d Backups of %s in %s", deletion.Count(), o.set, counted(len(deletion.Parts), "cluster")),
	})
	if err != nil {
		return err
	}
	deleting, cancel := context.WithTimeoutCause(ctx, o.timeout, errLate)
	defer cancel()
	line = selection.ShowWaiting(o.env)
	results := deletion.Do(deleting, fleetOf(&selection), o.forget)
	line.Done()
	var done []*v1alpha1.BackupDeletion
	for _, r := range results {
		if r.Value != nil {
			done = append(done, r.Value)
		}
	}
	return o.conclude(ctx, done, append(failures, results.Failures(nil)...))
}

// errLate is that Velero has not deleted all within --timeout.
var errLate error = &member.Error{Reason: member.ReasonTimeout, Err: errors.New("it is not deleted yet; Velero goes on")}

// conclude prints what was deleted, and chooses the exit code.
func (o *deleteOptions) conclude(ctx context.Context, done []*v1alpha1.BackupDeletion, failures []fanout.Failure) error {
	printed := o.print(done, failures)
	o.env.SayFailures(failures)
	if len(failures) == 0 {
		return printed
	}
	verdict := &cli.Error{Code: cli.ExitFailed, Err: printed}
	for _, d := range done {
		if len(d.Backups) > 0 {
			verdict.Code = cli.ExitPartial
		}
	}
	late := func(f fanout.Failure) bool { return errors.Is(f.Err, errLate) }
	switch {
	case ctx.Err() != nil:
		verdict.Code = cli.ExitInterrupted
		o.env.Note("Velero goes on with what it was asked for")
	case slices.ContainsFunc(failures, late):
		verdict.Code = cli.ExitTimeout
	}
	return verdict
}

func (o *deleteOptions) print(done []*v1alpha1.BackupDeletion, failures []fanout.Failure) error {
	if o.output.Format.IsTable() {
		return showDeletions(o.env.Out, done, o.output.Table())
	}
	items := make([]metav1.Object, len(done))
	for i, d := range done {
		items[i] = d
	}
	return cli.PrintItems(o.env, o.output, items, failures)
}

func showDeletions(w io.Writer, done []*v1alpha1.BackupDeletion, options printers.TableOptions) error {
	if len(done) == 0 {
		return nil
	}
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Set", "Backups", "Forgotten")}
	for _, d := range done {
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			d.Annotations[v1alpha1.ClusterAnnotation], d.Name, printers.OrNone(strings.Join(d.Backups, ",")), d.Forgotten,
		}})
	}
	return printers.Table(w, table, options)
}
