package fleetbackup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/clock"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

func newCmdPreflight(env *cli.Env) *cobra.Command {
	flags := &preflightFlags{env: env, clusters: cli.NewClusterFlags(env), policy: policyFlags{env: env}}
	cmd := &cobra.Command{
		Use:   "preflight [NAME]",
		Short: "Ask all members whether a set could be made now, and change nothing",
		Long: `Ask all members whether a set could be made now, and change nothing. It is what create asks first.

Looked at are: what you may do; whether Velero answers, and its version; whether its location can be written to, was reached
lately, and is nobody else's; Backups that run or wait, and Schedules that are due within the time that all is held still; hooks of
Velero's own, liveness probes, autoscalers and GitOps tools that would undo a hold; which volumes there are, and how Velero takes
each; and how long the cut takes, by estimate. What is to be held is rehearsed in its target, with commands that do nothing.

Exit codes: 0 nothing speaks against it; 3 members that are not required would be left out; 5 create would refuse.`,
		Example: `  # What a policy asks for
  kubectl fleetbackup preflight -f shop.yaml

  # For scripts: what speaks against it
  kubectl fleetbackup preflight -f shop.yaml -o json | jq -r '.items[].refusals[]?.message'`,
		Args: cobra.MaximumNArgs(1),
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

type preflightFlags struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	output    cli.OutputFlags
	policy    policyFlags
	namespace string
	noDeadman bool
}

func (f *preflightFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	f.policy.addFlags(flags)
	addStateNamespace(flags, &f.namespace)
	flags.BoolVar(&f.noDeadman, "allow-no-deadman", false, "Allow scale and patch actions, as create does with it")
}

type preflightOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	flags    *policyFlags
	// policy is nil if flags describe it: it is made once the clusters are known.
	policy   *v1alpha1.BackupSchedule
	name     string
	settings backup.Settings
}

func (f *preflightFlags) toOptions(args []string) (*preflightOptions, error) {
	o := &preflightOptions{env: f.env, clusters: f.clusters, flags: &f.policy, settings: backup.Settings{StateNamespace: f.namespace, NoDeadman: f.noDeadman, Clock: clock.New()}}
	var err error
	if o.output, err = f.output.Parse(); err != nil {
		return nil, err
	}
	if o.policy, o.name, err = f.policy.read(args); err != nil {
		return nil, err
	}
	if o.policy == nil {
		err = f.clusters.Chosen()
	}
	return o, err
}

func (o *preflightOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx, members(o.policy)...)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	if o.policy == nil {
		if o.policy, err = o.flags.of(o.name, selection.Clusters); err != nil {
			return err
		}
	}
	line := selection.ShowWaiting(o.env)
	plan, err := backup.Prepare(ctx, fleetOf(&selection), o.policy, o.settings, true)
	line.Done()
	if err != nil {
		return refused(err)
	}
	failures := unlooked(plan)
	printed := o.print(plan, failures)
	o.env.SayFailures(failures)
	if verdict := preflightVerdict(plan); verdict != nil {
		verdict.Err = errors.Join(printed, verdict.Err)
		return verdict
	}
	return printed
}

// unlooked are the members that could not be looked at.
func unlooked(plan *backup.Plan) []fanout.Failure {
	var failures []fanout.Failure
	for i := range plan.Members {
		if m := &plan.Members[i]; m.Err != nil {
			failures = append(failures, fanout.Failure{Cluster: m.Cluster, Err: m.Err})
		}
	}
	return failures
}

// preflightVerdict is the exit code that what was found comes to; nil: nothing speaks
// against a set.
func preflightVerdict(plan *backup.Plan) *cli.Error {
	var out []string
	for i := range plan.Members {
		if m := &plan.Members[i]; m.Out() != nil && !m.Required {
			out = append(out, m.Cluster)
		}
	}
	switch {
	case plan.Refusal() != nil:
		return &cli.Error{Code: cli.ExitRefused, Err: errors.New("create would refuse")}
	case len(out) > 0:
		return &cli.Error{Code: cli.ExitPartial, Err: fmt.Errorf("create would leave out %s", strings.Join(out, ", "))}
	}
	return nil
}

func (o *preflightOptions) print(plan *backup.Plan, failures []fanout.Failure) error {
	if o.output.Format.IsTable() {
		return o.show(plan)
	}
	var items []metav1.Object
	for i := range plan.Members {
		if m := &plan.Members[i]; m.Err == nil {
			items = append(items, preflightOf(plan, m))
		}
	}
	return cli.PrintItems(o.env, o.output, items, failures)
}

// preflightOf is what was found in a member, as data.
func preflightOf(plan *backup.Plan, m *backup.PlannedMember) *v1alpha1.BackupPreflight {
	is := m.Member
	return &v1alpha1.BackupPreflight{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BackupPreflightKind},
		ObjectMeta: metav1.ObjectMeta{Name: plan.Policy.Name, Annotations: map[string]string{v1alpha1.ClusterAnnotation: m.Cluster}},
		Required:   m.Required, Ready: m.Out() == nil, Refusals: m.Refusals, Warnings: m.Warnings, ClusterUID: is.UID,
		KubernetesVersion: is.KubernetesVersion, VeleroVersion: is.VeleroVersion, VeleroNamespace: is.VeleroNamespace, Location: is.Location,
		Volumes: is.Volumes, Holds: is.Holds, ClockOffsetMillis: is.ClockOffsetMillis,
		CutSeconds: int(m.CutBudget / time.Second), MaxFreezeSeconds: int(plan.Policy.Spec.MaxFreeze.Duration / time.Second),
	}
}

// show shows a row for each finding, and one for a member that has none.
func (o *preflightOptions) show(plan *backup.Plan) error {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Result", "Check", "Found", "Fix")}
	for i := range plan.Members {
		m := &plan.Members[i]
		if m.Err != nil {
			continue // a failure, which is said
		}
		row := func(result string, f v1alpha1.BackupFinding) {
			table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{m.Cluster, result, printers.OrNone(f.Check), f.Message, printers.OrNone(f.Fix)}})
		}
		if m.Out() == nil {
			row("Ready", v1alpha1.BackupFinding{Message: foundIn(m)})
		}
		result := "Refused"
		if !m.Required {
			result = "Left out"
		}
		for _, f := range m.Refusals {
			row(result, f)
		}
		for _, f := range m.Warnings {
			row("Warning", f)
		}
	}
	if len(table.Rows) == 0 {
		return nil
	}
	if err := printers.Table(o.env.Out, table, o.output.Table()); err != nil {
		return err
	}
	if len(plan.Policy.Spec.Quiesce) > 0 {
		o.env.Note("the freeze takes about %s, of %s at most", plan.CutBudget, plan.Policy.Spec.MaxFreeze.Duration)
	}
	return nil
}

// foundIn is what a member has, in a line.
func foundIn(m *backup.PlannedMember) string {
	is := m.Member
	methods := map[string]int{}
	for _, v := range is.Volumes {
		methods[v.Method]++
	}
	var counts []string
	for _, method := range slices.Sorted(maps.Keys(methods)) {
		counts = append(counts, fmt.Sprintf("%d %s", methods[method], method))
	}
	volumes := counted(len(is.Volumes), "volume")
	if len(counts) > 0 {
		volumes += " (" + strings.Join(counts, ", ") + ")"
	}
	place := strings.TrimSuffix(is.Location.Bucket+"/"+is.Location.Prefix, "/")
	return fmt.Sprintf("Velero %s to %s, %s, %s, a cut of about %s", is.VeleroVersion, place, volumes, counted(len(is.Holds), "hold"), m.CutBudget)
}
