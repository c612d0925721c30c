package fleet

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
)

func newCmdWithdraw(env *cli.Env) *cobra.Command {
	flags := &withdrawFlags{setFlags: newSetFlags(env)}
	cmd := &cobra.Command{
		Use:   "withdraw SET",
		Short: "Take a set out of clusters",
		Long: `Take a set out of clusters.

What the set has made is deleted, and must be gone within --timeout; what was there before it is released, with the values that it had. Namespaces, CRDs,
PVCs and PVs stay, and are of no set any more, unless --delete-kinds names their kind. Then the set is forgotten. Of a set that
a Karmada control plane brought (--via karmada=CONTEXT) all is taken from there, in all of its clusters.`,
		Example: `  # What would be deleted
  kubectl fleet withdraw web -C east --dry-run=client

  # Out of all clusters, with its namespace
  kubectl fleet withdraw web -C '*' --delete-kinds Namespace

  # What a Karmada control plane brought: objects, policies, and what it remembers
  kubectl fleet withdraw web -C east,west --via karmada=karmada-apiserver`,
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.withdraw(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	complete(cmd, flags.clusters, completeSets(flags.clusters, &flags.options.StateNamespace))
	return cmd
}

type withdrawFlags struct {
	setFlags

	timeout time.Duration
}

func (f *withdrawFlags) addFlags(flags *pflag.FlagSet) {
	f.setFlags.addFlags(flags)
	flags.DurationVar(&f.timeout, "timeout", 5*time.Minute, "How long to wait in one cluster until what was deleted is gone")
}

func (f *withdrawFlags) toOptions(args []string) (*propagateOptions, error) {
	if f.timeout <= 0 {
		return nil, cli.UsageError(fmt.Errorf("--timeout must be more than 0, is %s", f.timeout))
	}
	o, err := f.setFlags.toOptions(args)
	if err == nil {
		o.rollout.strategy = propagate.Strategy{By: f.env.Who(), Gate: direct.Gate{Timeout: f.timeout}}
	}
	return o, err
}

func (o *propagateOptions) withdraw(ctx context.Context) error {
	selection, err := selectVia(ctx, o.clusters, o.hub)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	fleet := propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	if o.hub != "" {
		return o.withdrawBy(ctx, selection)
	}
	line := selection.ShowWaiting(o.env)
	planned, lacking := propagate.PlanWithdraw(ctx, fleet, o.options)
	line.Done()
	if err := o.found(len(planned), lacking); err != nil {
		return err
	}
	if failures := planned.Failures(nil); len(failures) > 0 {
		return o.refuseSome(len(planned), failures)
	}
	fleet.Clusters = clustersOf(planned)
	view := o.view(fleet, planned)
	if o.mutation.DryRun != "" {
		return o.print(view.planned(), nil)
	}
	err = o.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error { return view.show(w, o.output.Table()) }, Clusters: len(fleet.Clusters), Deletions: deletions(planned),
		Do: fmt.Sprintf("Withdraw %s from %s", o.options.Set, clusters(len(fleet.Clusters))),
	})
	if err != nil {
		return err
	}
	results := propagate.Withdraw(ctx, fleet, view.plans, o.rollout.strategy, newRunProgress(o.env))
	return o.conclude(ctx, view, results)
}
