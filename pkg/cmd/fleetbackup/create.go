package fleetbackup

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/clock"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
)

func newCmdCreate(env *cli.Env) *cobra.Command {
	flags := &createFlags{env: env, clusters: cli.NewClusterFlags(env), policy: policyFlags{env: env}}
	cmd := &cobra.Command{
		Use:   "create [NAME]",
		Short: "Make one recovery point of an application in all of its clusters",
		Long: `Make one recovery point of an application in all of its clusters.

All members are asked first whether it can be done. Then the policy's actions hold the application still, wave after wave, each
with a deadman inside its own target that lets go by itself, whatever becomes of this command. When everything is still,
all Backups are asked for at once; when all are cut, everything is released, and Velero goes on alone. What was reached is judged
from the run's own clock and the targets' own words:

  Quiesced      everything was still from before the first cut to after the last
  Aligned       nothing was to be held still, and all Backups were under way at the same time
  Independent   neither
  Torn          something was to be held still, and it is not certain that it was

Without -f the flags say what is backed up, in the selected clusters, and nothing is held still.

Exit codes: 0 there is a set; 3 members are missing in it; 4 Velero goes on, recover seals it; 5 refused, nothing was changed; 6
something may still be frozen: recover; 7 the set is torn; 1 there is no set, and everything was released; 130 interrupted, and
released.`,
		Example: `  # What a policy says
  kubectl fleetbackup create -f shop.yaml --yes

  # One namespace of two clusters, with nothing held still
  kubectl fleetbackup create shop -C east,west --include-namespaces shop

  # What would be done
  kubectl fleetbackup create -f shop.yaml --dry-run=server`,
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

type createFlags struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	output    cli.OutputFlags
	mutation  cli.MutationFlags
	policy    policyFlags
	namespace string
	timeout   time.Duration
	wait      bool
	noDeadman bool
}

// defaultTimeout is how long Velero may take once nothing is held any more. Copying
// the data of large volumes takes hours; what was cut goes on without us.
const defaultTimeout = 30 * time.Minute

func (f *createFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	f.mutation.AddFlags(flags)
	f.policy.addFlags(flags)
	addStateNamespace(flags, &f.namespace)
	flags.BoolVar(&f.wait, "wait", true, "Wait until Velero is done, and seal the set; else recover does")
	flags.DurationVar(&f.timeout, "timeout", defaultTimeout, "How long to wait for Velero, once nothing is held any more")
	flags.BoolVar(&f.noDeadman, "allow-no-deadman", false, "Allow scale and patch actions, which nothing but recover ends if this command dies")
}

type createOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	mutation cli.Mutation
	flags    *policyFlags
	// policy is nil if flags describe it: it is made once the clusters are known.
	policy   *v1alpha1.BackupSchedule
	name     string
	settings backup.Settings
}

func (f *createFlags) toOptions(args []string) (*createOptions, error) {
	o := &createOptions{env: f.env, clusters: f.clusters, flags: &f.policy}
	var err error
	if o.output, err = f.output.Parse(); err != nil {
		return nil, err
	}
	if o.policy, o.name, err = f.policy.read(args); err != nil {
		return nil, err
	}
	if o.policy == nil {
		if err := f.clusters.Chosen(); err != nil {
			return nil, err
		}
	}
	if f.timeout <= 0 {
		return nil, cli.UsageError(fmt.Errorf("--timeout is %s: more than 0", f.timeout))
	}
	o.settings = backup.Settings{
		StateNamespace: f.namespace, By: f.env.Who(), Version: cli.PluginVersion(f.env.Plugin).Version,
		Timeout: f.timeout, NoDeadman: f.noDeadman, Detach: !f.wait, Clock: clock.New(),
	}
	o.mutation, err = f.mutation.Parse(f.env)
	return o, err
}

func (o *createOptions) run(ctx context.Context) error {
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
	plan, err := backup.Prepare(ctx, fleetOf(&selection), o.policy, o.settings, o.mutation.DryRun != cli.DryRunClient)
	line.Done()
	if err != nil {
		return refused(err)
	}
	if err := refuse(o.env, plan); err != nil {
		return err
	}
	if o.mutation.DryRun != "" {
		return printPlan(o.env, o.output, plan, o.settings)
	}
	err = o.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error { return showPlan(w, plan, o.output.Table()) }, Clusters: len(plan.Members), Do: "Back up " + plan.Policy.Name + " as " + plan.Name,
		Warnings: unknown(plan),
	})
	if err != nil {
		return err
	}
	progress := newProgress(o.env, members(plan.Policy), plan.Policy)
	e, err := plan.Create(ctx, o.settings, progress)
	progress.done()
	return o.ending().conclude(ctx, o.output, e, err)
}

func (o *createOptions) ending() ending {
	return ending{env: o.env, clusters: o.clusters, namespace: o.settings.StateNamespace}
}
