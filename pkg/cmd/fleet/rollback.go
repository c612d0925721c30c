package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
)

func newCmdRollback(env *cli.Env) *cobra.Command {
	flags := &rollbackFlags{setFlags: newSetFlags(env)}
	cmd := &cobra.Command{
		Use:   "rollback SET",
		Short: "Bring a set back to what it was in each cluster",
		Long: `Bring a set back to what it was in each cluster.

Each cluster goes back to the last revision that had become healthy there and is not the same as what is applied now, or
to --to-revision. What the set has made since is deleted, what it changed is as it was, what it deleted comes back, and values
that it took over from others are given back. Namespaces, CRDs, PVCs and PVs stay, and are named.

Where a run did not end, that run is taken back, and clusters that have nothing of it stay as they are. A set that is healthy
and has no revision before is refused: withdraw takes it away.

The clusters keep three revisions before the current one: status SET -o wide lists them. A set that a Karmada control plane
brought (--via karmada=CONTEXT) goes back there, in all of its clusters.`,
		Example: `  # What would change
  kubectl fleet rollback web -C east,west --dry-run=server

  # Back to what was there before
  kubectl fleet rollback web --fleet prod

  # By the Karmada control plane that brought it, one cluster first
  kubectl fleet rollback web -C east,west --via karmada=karmada-apiserver --waves 1,100%`,
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	complete(cmd, flags.clusters, completeSets(flags.clusters, &flags.options.StateNamespace))
	return cmd
}

// setFlags are those of every command that changes a set that is there.
type setFlags struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.OutputFlags
	mutation cli.MutationFlags
	options  direct.Options
	via      string
}

func newSetFlags(env *cli.Env) setFlags {
	return setFlags{env: env, clusters: cli.NewClusterFlags(env)}
}

func (f *setFlags) addFlags(flags *pflag.FlagSet) {
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	f.mutation.AddFlags(flags)
	addStateNamespace(flags, &f.options.StateNamespace)
	addDeleteKinds(flags, &f.options.DeleteKinds)
	addVia(flags, &f.via)
}

func addStateNamespace(flags *pflag.FlagSet, namespace *string) {
	flags.StringVar(namespace, "state-namespace", direct.DefaultStateNamespace, "Namespace in each cluster that remembers the set")
}

func addDeleteKinds(flags *pflag.FlagSet, kinds *[]string) {
	flags.StringSliceVar(kinds, "delete-kinds", nil, "Kinds that may be deleted although they are protected: Namespace, CustomResourceDefinition, PersistentVolumeClaim, PersistentVolume")
}

// toOptions reads the flags. Its last step is the question whether there is
// anybody to be asked.
func (f *setFlags) toOptions(args []string) (*propagateOptions, error) {
	o := &propagateOptions{env: f.env, clusters: f.clusters, options: f.options, takesBack: true}
	var err error
	if o.output, err = f.output.Parse(); err != nil {
		return nil, err
	}
	if len(args) != 1 {
		return nil, cli.UsageError(errors.New("name one set; status lists them"))
	}
	o.options.Set = args[0]
	if o.hub, err = parseVia(f.via, f.clusters); err != nil {
		return nil, cli.UsageError(err)
	}
	if err := f.clusters.Chosen(); err != nil {
		return nil, err
	}
	o.mutation, err = f.mutation.Parse(f.env)
	o.options.Untried = o.mutation.DryRun == cli.DryRunClient
	return o, err
}

type rollbackFlags struct {
	setFlags

	rollout rolloutFlags
	to      int
}

func (f *rollbackFlags) addFlags(flags *pflag.FlagSet) {
	f.setFlags.addFlags(flags)
	f.rollout.addFlags(flags)
	flags.IntVar(&f.to, "to-revision", 0, "The revision to go back to; 0 is the last healthy one that is not the same as the current one")
	flags.BoolVar(&f.options.ForceConflicts, "force-conflicts", false, "Take over fields that others have changed since")
}

type rollbackOptions struct {
	*propagateOptions

	to int
}

func (f *rollbackFlags) toOptions(args []string) (*rollbackOptions, error) {
	if f.to < 0 {
		return nil, cli.UsageError(fmt.Errorf("--to-revision cannot be less than 0, is %d", f.to))
	}
	rollout, err := f.rollout.parse(f.env)
	if err != nil {
		return nil, cli.UsageError(err)
	}
	o, err := f.setFlags.toOptions(args)
	if err != nil {
		return nil, err
	}
	o.rollout, o.options.TakesBack = rollout, rollout.takesBack()
	return &rollbackOptions{propagateOptions: o, to: f.to}, nil
}

func (o *rollbackOptions) run(ctx context.Context) error {
	selection, err := selectVia(ctx, o.clusters, o.hub)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	fleet := propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	if o.hub != "" {
		return o.rollbackBy(ctx, selection)
	}
	line := selection.ShowWaiting(o.env)
	planned, lacking := propagate.PlanRollback(ctx, fleet, o.options, o.to)
	line.Done()
	if err := o.found(len(planned), lacking); err != nil {
		return err
	}
	fleet.Clusters = clustersOf(planned)
	o.sayTargets(planned)
	return o.apply(ctx, fleet, planned, render.Result{}, "Bring back")
}

// sayTargets says which revision each cluster goes back to.
func (o *rollbackOptions) sayTargets(planned fanout.Results[*direct.Plan]) {
	to := map[int][]string{}
	for _, p := range planned {
		if p.Err != nil {
			continue
		}
		if revision := p.Value.Restores(); revision != nil {
			to[*revision] = append(to[*revision], p.Cluster.Name)
		}
	}
	for _, revision := range slices.Sorted(maps.Keys(to)) {
		o.sayTarget(to[revision], revision)
	}
}

func (o *rollbackOptions) sayTarget(clusters []string, revision int) {
	what := fmt.Sprintf("revision %d", revision)
	if revision == 0 {
		what = "what was there before the set"
	}
	o.env.Note("%s: back to %s", strings.Join(clusters, ", "), what)
}

// found says which clusters do not have the set. None that has it is an error.
func (o *propagateOptions) found(having int, lacking []string) error {
	if having == 0 {
		return noSetIn(o.env, o.options.Set, len(lacking))
	}
	if len(lacking) > 0 {
		o.env.Note("%s: there is no set %s", strings.Join(lacking, ", "), o.options.Set)
	}
	return nil
}
