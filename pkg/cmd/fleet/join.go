package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
)

func newCmdJoin(env *cli.Env) *cobra.Command {
	flags := &joinFlags{env: env, clusters: cli.NewClusterFlags(env), fleet: cli.NewFleetFlag(env)}
	cmd := &cobra.Command{
		Use:   "join CONTEXT...",
		Short: "Add clusters to a fleet, or to a Karmada control plane",
		Long: `Add clusters to a fleet, or to a Karmada control plane.

Each context is asked who its cluster is, and written to the fleet file ($` + cli.FleetFileVariable + `, by default
~/.kube/fleets.yaml) with the server's address and the cluster's UID, that of the namespace kube-system. Nothing is made in
any cluster, and no credentials are written. A fleet that does not exist is made, and so is the file.

All join or none: if one cluster does not answer, or does not let us read its namespace kube-system, nothing is written.
A cluster is in a fleet once: it is refused under a second context, also behind another address.
Joining again brings the address and --labels of a member up to date, keeps its other labels, and changes nothing else.

With --to karmada=CONTEXT the clusters join that control plane in push mode, and no file is written. In each cluster the hub
gets a service account with the rights of --role, and the hub its token; all by server-side apply, so that the same command
again completes what was interrupted and changes nothing that is as it should be. Before the first write every permission is
asked for, and the servers try the writes. -o yaml prints the objects of both sides, without tokens. See docs/joining.md.

With --rotate the tokens of clusters that have joined are replaced: each gets a new one, the hub is seen to work with it, the
old one is deleted and seen to be refused, and the hub is asked for a new status once more. All else stays as it is. Karmada's
controllers up to 1.18 hold old tokens until they are restarted: --keep-old lets you do that before the old ones end.

Exit codes: 0 done, or nothing to do; 1 a cluster did not answer, or the file could not be written; 2 usage, or no such
context; 5 refused or not confirmed. But for 0, nothing was written; with --to also 3 some clusters joined, 4 they joined,
and the hub did not say in time that they are ready, or --rotate could not prove in time what it did.`,
		Example: `  # Make a fleet of three contexts
  kubectl fleet join admin@east admin@west apac --fleet prod

  # Under a name of its own, with labels for --cluster-selector
  kubectl fleet join arn:aws:eks:eu-west-1:1234:cluster/pay --name pay-eu --labels env=prod,region=eu

  # To a Karmada control plane, with the right to look
  kubectl fleet join admin@east admin@west --to karmada=hub --role view --wait

  # Replace the tokens that the hub has for them
  kubectl fleet join admin@east admin@west --to karmada=hub --rotate

  # What would be written
  kubectl fleet join apac --fleet prod --dry-run=client -o yaml`,
		ValidArgsFunction: cli.CompleteContexts(env),
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			if flags.hub.to == "" {
				return options.run(ctx)
			}
			join, err := flags.hub.toJoin(options)
			if err != nil {
				return err
			}
			if flags.hub.rotate {
				return join.rotate(ctx)
			}
			return join.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	return cmd
}

type joinFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags
	fleet    *cli.FleetFlag
	output   cli.OutputFlags
	mutation cli.MutationFlags

	hub    hubFlags
	name   string
	labels []string
}

func (f *joinFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddContextFlags(flags)
	f.fleet.AddFlag(flags, "The fleet to join, made if it does not exist (default $"+cli.FleetVariable+", then the fleet file's currentFleet)")
	f.output.AddFlags(flags)
	f.mutation.AddFlags(flags)
	f.hub.addFlags(flags)
	flags.StringVar(&f.name, "name", "", "The member's name; by default derived from the context. For one context only")
	flags.StringSliceVar(&f.labels, "labels", nil, "Labels that --cluster-selector matches, such as env=prod,region=eu")
}

type joinOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	fleet    *cli.FleetFlag
	output   cli.Output
	mutation cli.Mutation

	contexts []string
	name     string
	labels   map[string]string
}

func (f *joinFlags) toOptions(args []string) (*joinOptions, error) {
	o := &joinOptions{env: f.env, clusters: f.clusters, fleet: f.fleet, contexts: args, name: f.name}
	for flag, value := range map[string]string{"name": f.name, "labels": strings.Join(f.labels, "")} {
		if f.flags.Changed(flag) && value == "" {
			return nil, cli.UsageError(fmt.Errorf("--%s is empty: leave it away to mean the default", flag))
		}
	}
	if err := f.fleet.Validate(); err != nil {
		return nil, err
	}
	var remove []string
	var err error
	only := onlyForHubs(f.flags)
	switch {
	case len(args) == 0:
		err = errors.New("which clusters? Name their contexts")
	case f.hub.to == "" && only != "":
		err = fmt.Errorf("--%s is for a hub: name one with --to", only)
	case f.hub.to != "" && f.flags.Changed("fleet"):
		err = errors.New("--fleet is a fleet of the fleet file, --to is a hub: join one after the other")
	case f.hub.keepOld && !f.hub.rotate:
		err = errors.New("--keep-old is for --rotate")
	case f.hub.rotate && f.onlyForJoining() != nil:
		err = f.onlyForJoining()
	case f.name != "" && len(args) > 1:
		err = fmt.Errorf("--name is for one context, not %d", len(args))
	case f.name != "":
		err = inventory.ValidateName(f.name)
	}
	if err == nil {
		o.labels, remove, err = membership.ParseLabels(f.labels)
	}
	if err == nil && len(remove) > 0 {
		err = fmt.Errorf("--labels %s-: %s label takes a label away", remove[0], f.env.DisplayName())
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	if o.output, err = f.output.Parse(); err != nil {
		return nil, err
	}
	o.mutation, err = f.mutation.Parse(f.env)
	return o, err
}

func (o *joinOptions) run(ctx context.Context) error {
	change, err := newFleetChange(o.env, o.fleet, o.output, o.mutation)
	if err != nil {
		return err
	}
	if err := change.file.ValidateFleet(change.fleet); err != nil {
		return cli.UsageError(err)
	}
	selection, err := o.clusters.Select(ctx, o.contexts...)
	if err != nil {
		return err
	}
	if o.name != "" && len(selection.Clusters) > 1 {
		return cli.UsageError(fmt.Errorf("--name is for one context; %s means %s", o.contexts[0], clusters(len(selection.Clusters))))
	}
	defer selection.Warnings.Say(o.env)
	line := selection.ShowWaiting(o.env)
	identified, failures := membership.Identify(ctx, selection.Clusters, selection.Members, selection.Fanout)
	line.Done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(failures) > 0 {
		return o.failed(change, failures)
	}
	if o.name != "" {
		identified[0].Name = o.name
	}
	list := o.clusters.Members(ctx)
	change.verb, change.preposition = "Join", "to"
	change.plan = func(file *membership.FleetFile) (membership.Plan, error) {
		return file.Join(membership.JoinRequest{
			Fleet: change.fleet, Clusters: identified, Named: o.name != "", Labels: o.labels, Members: list,
		})
	}
	return change.run(ctx)
}

// failed says who did not answer. Nobody joins then: of a fleet that is half
// changed one would have to find out which half.
func (o *joinOptions) failed(change *fleetChange, failures []fanout.Failure) error {
	printed := change.print(nil, failures)
	o.env.SayFailures(failures)
	return &cli.Error{Code: cli.ExitFailed, Err: errors.Join(printed, errors.New("nobody joined: all do or none"))}
}
