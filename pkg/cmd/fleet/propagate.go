package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

func newCmdPropagate(env *cli.Env) *cobra.Command {
	flags := &propagateFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "propagate -f FILE|DIR|URL|- | -k KUSTOMIZATION | TYPE/NAME... --from CLUSTER",
		Short: "Bring one application to many clusters",
		Long: `Bring one application to many clusters.

The objects are applied to each selected cluster by server-side apply, as a set of a name, which each cluster remembers
(an ApplySet, KEP-3659). What would happen is found by dry runs of every server, shown, and asked about; if one cluster
refuses, nothing is written to any. Fields that others manage are conflicts: they are listed, and nothing is taken
over unless --force-conflicts says so.

What differs from cluster to cluster is rendered before; --render shows it, and asks no cluster. In texts of the objects, and
in the path of -k, ${cluster.name} and ${cluster.label.KEY} stand for what the cluster has; $${cluster. stands for itself, and
what else begins with ${ is left as it is. --weight divides the replicas of Deployments, StatefulSets and ReplicaSets, but for
those that a HorizontalPodAutoscaler has, among the objects or in the cluster; --weight-by free does so by the room that the
nodes have for their pods. --override CLUSTERS:TYPE/NAME:/JSON/POINTER=VALUE gives a field
another value, in YAML: CLUSTERS are those of -C, TYPE and NAME may be globs, and without TYPE/NAME it is the one object that has
the field or, if none has, what the field would be in. --override comes before --image, and --image-registry is last.

With --via karmada=CONTEXT a Karmada control plane brings them there: they are written to it alone, with a policy for the
selected clusters, and done is what Karmada says is applied and healthy in each.

A run that was interrupted is gone on with by the same command; or by --resume SET, from any machine and without the manifests:
the clusters remember what is applied, in which waves, and who has had a turn.

Clusters have their turns in --waves: each step says how many have had theirs, and so must be greater than the one before, or
names which do; those that no step takes are the last wave.

Exit codes: 0 done everywhere, 2 usage, 5 refused: nothing was written, 6 stopped, by a cluster or a gate that failed or by
Ctrl-C: what was begun is there, and somebody must say how it goes on, by the same command again or by rollback; with
--on-failure rollback or continue nobody must, and it is 1 failed on every cluster, those that had no turn among them, or 3
on some; 4 where nothing but --timeout ran out and what was written is left, or was there before; 130 interrupted before
anything was begun.`,
		Example: `  # What would change, in which clusters
  kubectl fleet propagate -f web.yaml -C east,west --dry-run=server

  # Bring it there, and wait until it is healthy
  kubectl fleet propagate -f web.yaml -C east,west

  # One cluster first, watched for five minutes, then a quarter, then all; back to what was, if one fails
  kubectl fleet propagate -f web.yaml --fleet prod --waves canary=1,25%,100% --bake 5m --on-failure rollback

  # Nine of ten replicas in prod and one in dr, with a lower priority there
  kubectl fleet propagate -f web.yaml -C prod,dr --replicas 10 --weight prod=90,dr=10 --override dr:/spec/template/spec/priorityClassName=low

  # The final objects of each cluster, built from a folder of its own; and the images to copy to a mirror
  kubectl fleet propagate -k 'overlays/${cluster.name}' --fleet prod --render
  kubectl fleet propagate -f web.yaml -C prod,dr --list-images -o name

  # What east has, for west as well
  kubectl fleet propagate deploy/web configmap/settings -n shop --from east -C west --name web

  # A kustomization, as the set shop; delete what is no longer part of it
  kubectl fleet propagate -k overlays/prod --name shop --fleet prod --prune

  # Go on with a run that was interrupted, whoever began it
  kubectl fleet propagate --resume web --fleet prod

  # By a Karmada control plane that the clusters have joined
  kubectl fleet propagate -f web.yaml -C east,west --via karmada=karmada-apiserver`,
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	complete(cmd, flags.clusters, cobra.NoFileCompletions)
	_ = cmd.RegisterFlagCompletionFunc("resume", completeSets(flags.clusters, &flags.options.StateNamespace)) // the flag is there
	return cmd
}

type propagateFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags
	output   cli.OutputFlags
	mutation cli.MutationFlags

	source  manifest.Source
	from    string
	options direct.Options
	rollout rolloutFlags
	render  renderFlags
	via     string
	resume  string
}

func (f *propagateFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	f.mutation.AddFlags(flags)
	addSource(flags, &f.source)
	flags.StringVar(&f.from, "from", "", "The cluster that has the objects TYPE/NAME, in --namespace")
	flags.StringVar(&f.options.Set, "name", "", "Name of the set (default: the name of the file or folder)")
	flags.StringVarP(&f.options.Namespace, "namespace", "n", "", "Namespace of the objects that name none; by default each context's own")
	addStateNamespace(flags, &f.options.StateNamespace)
	flags.BoolVar(&f.options.ForceConflicts, "force-conflicts", false, "Take over fields that others manage")
	flags.BoolVar(&f.options.TakeOver, "take-over", false, "Take over objects that Flux, Argo CD, Helm or Karmada have")
	flags.BoolVar(&f.options.Prune, "prune", false, "Delete what is of the set and no longer among the objects")
	addDeleteKinds(flags, &f.options.DeleteKinds)
	f.rollout.addFlags(flags)
	f.render.addFlags(flags)
	flags.StringVar(&f.resume, "resume", "", "Go on with a run of this set that did not end, from what the clusters remember of it")
	addVia(flags, &f.via)
}

// addSource binds the flags that name manifests.
func addSource(flags *pflag.FlagSet, source *manifest.Source) {
	flags.StringSliceVarP(&source.Files, "filename", "f", nil, "Files, folders or URLs with the objects; - is stdin")
	flags.BoolVarP(&source.Recursive, "recursive", "R", false, "Read the folders in folders of -f, too")
	flags.StringVarP(&source.Kustomization, "kustomize", "k", "", "Folder or URL of a kustomization that is built")
}

type propagateOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	mutation cli.Mutation

	source  manifest.Source
	live    live
	options direct.Options
	rollout rollout
	render  renderOptions
	hub     string // the context of a Karmada control plane; empty without one
	// resume: the clusters know what is to be done.
	resume *resume
	// takesBack: the command itself takes back what was brought.
	takesBack bool
}

func (f *propagateFlags) toOptions(args []string) (*propagateOptions, error) {
	output, err := f.output.Parse()
	if err != nil {
		return nil, err
	}
	o := &propagateOptions{
		env: f.env, clusters: f.clusters, output: output, source: f.source, options: f.options,
	}
	o.source.Stdin = f.env.In
	if f.flags.Changed("resume") {
		return f.toResume(o, args)
	}
	switch {
	case f.flags.Changed("namespace") && f.options.Namespace == "":
		err = errors.New("--namespace is empty: leave it away to mean each context's own")
	default:
		o.live, err = parseLive(args, f.from)
	}
	if err == nil {
		err = o.checkSource()
	}
	if err == nil {
		o.rollout, err = f.rollout.parse(f.env)
	}
	if err == nil {
		o.hub, err = parseVia(f.via, f.clusters)
	}
	if err == nil {
		o.render, err = f.render.toOptions(f.flags)
	}
	if err == nil {
		err = o.mayDivide()
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	o.render.request.Namespace, o.options.TakesBack = f.options.Namespace, o.rollout.takesBack()
	if o.render.only() {
		if f.flags.Changed("dry-run") {
			err = cli.UsageError(errors.New("--render and --list-images change nothing; --dry-run cannot be combined with them"))
		}
		return o, err
	}
	if err := o.nameSet(); err != nil {
		return nil, cli.UsageError(err)
	}
	if err := f.clusters.Chosen(); err != nil {
		return nil, err
	}
	o.mutation, err = f.mutation.Read(f.env) // whether there is anybody to be asked matters when the input is known to be good
	return o, err
}

// checkSource is an error unless manifests are named in one way.
func (o *propagateOptions) checkSource() error {
	ways := 0
	for _, is := range []bool{len(o.source.Files) > 0, o.source.Kustomization != "", len(o.live.items) > 0} {
		if is {
			ways++
		}
	}
	switch ways {
	case 0:
		return errors.New("name the objects: -f FILE, -k KUSTOMIZATION, or TYPE/NAME --from CLUSTER")
	case 1:
		return nil
	}
	return errors.New("-f, -k and --from cannot be combined")
}

// nameSet calls the set as what it comes from, if nobody says otherwise.
func (o *propagateOptions) nameSet() error {
	if o.options.Set == "" && render.HasVariables(o.source.Kustomization) {
		return errors.New("what each cluster builds for itself needs a name: --name SET")
	}
	if o.options.Set == "" {
		o.options.Set = cmp.Or(o.live.name(), o.source.Name())
	}
	if o.options.Set == "" {
		return errors.New("what comes from several places needs a name: --name SET")
	}
	if err := set.ValidName(o.options.Set); err != nil {
		return fmt.Errorf("%w; --name gives it another", err)
	}
	return nil
}
