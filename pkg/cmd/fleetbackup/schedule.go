package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func newCmdSchedule(env *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: "Make sets when a policy's cron says so, by whatever runs commands",
		Long: `Make sets when a policy's cron says so, by whatever runs commands: cron, systemd, CI.

Nothing of ours runs in a cluster. run-due asks the members which set was the last, and makes one if the time has come for the
next: it can be run as often as one likes.`,
	}
	cmd.AddCommand(newCmdScheduleExport(env), newCmdScheduleList(env), newCmdScheduleRunDue(env))
	return cmd
}

func newCmdScheduleRunDue(env *cli.Env) *cobra.Command {
	flags := &createFlags{env: env, clusters: cli.NewClusterFlags(env), policy: policyFlags{env: env}}
	cmd := &cobra.Command{
		Use:   "run-due",
		Short: "Make a policy's next set if it is due, and delete those that its retention does not keep",
		Long: `Make a policy's next set if it is due, and delete those that its retention does not keep.

The last set that a member remembers says when the next is due; a policy that has none yet is due at once. However many times
were missed, one set is made; a torn one is not made again before its time. A run that died is not followed by another: recover ends it first.

A retention of N keeps the N newest sets of the policy's name that are complete and of its minimum grade, and all that are newer than
the last of these; older ones are deleted, whoever made them.

The exit codes are those of create; 0 if nothing is due.`,
		Example: `  # In a crontab, every five minutes
  kubectl fleetbackup schedule run-due -f shop.yaml --yes`,
		Args: cobra.NoArgs,
		RunE: cli.RunE(func(ctx context.Context, _ []string) error {
			if flags.policy.file == "" {
				return cli.UsageError(errors.New("it needs -f POLICY, with a cron"))
			}
			options, err := flags.toOptions(nil)
			if err != nil {
				return err
			}
			if options.policy.Spec.Cron == "" {
				return cli.UsageError(fmt.Errorf("policy %s has no spec.cron", options.policy.Name))
			}
			return options.runDue(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

// runDue makes a set if it is due.
func (o *createOptions) runDue(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx, members(o.policy)...)
	if err != nil {
		return err
	}
	sets, failures := backup.List(ctx, fleetOf(&selection), o.settings.StateNamespace)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o.env.SayFailures(failures)
	if len(failures) == len(selection.Clusters) {
		return &cli.Error{Code: cli.ExitFailed}
	}
	due, err := backup.DueOf(o.policy, sets, time.Now())
	if err != nil {
		return err
	}
	if s := due.Unfinished; s != nil {
		return &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("the run of %s has not come to its end; nothing was changed", s.Execution.Name), Hint: o.ending().recovering(&s.Execution) + " ends it"}
	}
	if !due.Now {
		o.env.Note("%s is due at %s", o.policy.Name, due.Next.UTC().Format(time.RFC3339))
	} else if err := o.run(ctx); err != nil {
		return err
	}
	if o.mutation.DryRun != "" {
		return nil
	}
	return o.sweep(ctx, &selection)
}

// sweep deletes the sets that the policy's retention does not keep.
func (o *createOptions) sweep(ctx context.Context, selection *cli.Selection) error {
	sets, _ := backup.List(ctx, fleetOf(selection), o.settings.StateNamespace)
	for _, s := range backup.Surplus(o.policy, sets) {
		deletion, failures, err := backup.PrepareDeletion(ctx, fleetOf(selection), s, o.settings.StateNamespace)
		if err != nil {
			return err
		}
		o.env.SayFailures(failures)
		deleting, cancel := context.WithTimeoutCause(ctx, o.settings.Timeout, errLate)
		results := deletion.Do(deleting, fleetOf(selection), false)
		cancel()
		failed := results.Failures(nil)
		o.env.SayFailures(failed)
		if verdict := cli.Verdict(len(results), failed); verdict != nil {
			return verdict
		}
		o.env.Note("%s was deleted: retention is %d", s.Execution.Name, o.policy.Spec.Retention)
	}
	return nil
}

func newCmdScheduleList(env *cli.Env) *cobra.Command {
	flags := &scheduleFlags{setFlags: setFlags{env: env, clusters: cli.NewClusterFlags(env)}, policy: policyFlags{env: env}}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show when a policy's next set is due, and what its last was worth",
		Long: `Show when a policy's next set is due, and what its last was worth. Without -f all policies are shown that sets were made by, as they
were then.`,
		Example: `  # What was missed, over the fleet
  kubectl fleetbackup schedule list --fleet prod`,
		Args: cobra.NoArgs,
		RunE: cli.RunE(func(ctx context.Context, _ []string) error {
			return flags.list(ctx)
		}),
	}
	flags.setFlags.addFlags(cmd.Flags())
	flags.addFile(cmd.Flags())
	return cmd
}

// scheduleFlags are those of commands about a policy's cron.
type scheduleFlags struct {
	setFlags

	policy policyFlags
}

func (f *scheduleFlags) addFile(flags *pflag.FlagSet) {
	f.policy.given = flags
	flags.StringVarP(&f.policy.file, "filename", "f", "", "File with a BackupSchedule; - is stdin")
}

func (f *scheduleFlags) list(ctx context.Context) error {
	output, err := f.output.Parse()
	if err != nil {
		return err
	}
	var policies []*v1alpha1.BackupSchedule
	if f.policy.file != "" {
		p, _, err := f.policy.read(nil)
		if err != nil {
			return err
		}
		policies = append(policies, p)
	}
	sets, failures, done, err := f.setFlags.list(ctx)
	if err != nil {
		return err
	}
	defer done()
	if policies == nil {
		seen := map[string]*v1alpha1.BackupSchedule{}
		for i := range sets { // the newest first
			if p := &sets[i].Execution.Spec.Policy; seen[p.Name] == nil && p.Spec.Cron != "" {
				seen[p.Name] = p
			}
		}
		for _, name := range slices.Sorted(maps.Keys(seen)) {
			policies = append(policies, seen[name])
		}
	}
	f.env.SayFailures(failures)
	if err := f.print(output, policies, sets); err != nil {
		return err
	}
	if len(policies) == 0 && len(failures) == 0 && output.Format.IsTable() {
		f.env.Note("no cluster remembers a policy with a cron")
	}
	return f.setFlags.verdict(failures)
}

func (f *scheduleFlags) print(output cli.Output, policies []*v1alpha1.BackupSchedule, sets []backup.Set) error {
	if !output.Format.IsTable() {
		items := make([]metav1.Object, len(policies))
		for i, p := range policies {
			items[i] = p
		}
		return cli.PrintItems(f.env, output, items, nil)
	}
	if len(policies) == 0 {
		return nil
	}
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Policy", "Cron", "Zone", "Last", "State", "Age", "Due")}
	for _, p := range policies {
		due, err := backup.DueOf(p, sets, time.Now())
		if err != nil {
			return err
		}
		zone := p.Spec.TimeZone
		if zone == "" {
			zone = "UTC"
		}
		cells := []any{p.Name, printers.OrNone(p.Spec.Cron), zone, printers.None, printers.None, printers.None, printers.None}
		if due.Last != nil {
			s := due.Last.Execution.Status
			cells[3], cells[4], cells[5] = due.Last.Execution.Name, stateOf(&due.Last.Execution), age(s.Started)
		}
		switch {
		case due.Now:
			cells[6] = "now"
		case !due.Next.IsZero():
			cells[6] = due.Next.UTC().Format(time.RFC3339)
		}
		table.Rows = append(table.Rows, metav1.TableRow{Cells: cells})
	}
	return printers.Table(f.env.Out, table, output.Table())
}
