package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/drift"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

func newCmdDiff(env *cli.Env) *cobra.Command {
	flags := &diffFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "diff TYPE/NAME | -f FILE | -k KUSTOMIZATION",
		Short: "Show what an object differs in between clusters, or what manifests would change in them",
		Long: `Show in which clusters an object is the same, and what it differs in elsewhere. With -f or -k, show what propagating these
manifests would change in each cluster, clusters with the same changes together; found by dry runs of the servers. With --via
karmada=CONTEXT it is what that control plane would change: on it, and in each cluster that it brings them to.

The clusters that agree are put together; the largest group is the reference that the others are compared with. Items of
lists are matched by name, or by another key such as a port's number. What a Secret holds is shown as hashes only.

What each cluster sets by itself is not compared: managed fields and, but with --all-fields, the status; UIDs, versions,
generations and times; what was applied last, kept as an annotation; addresses and node ports of Services; counters of
rollouts; the labels that controllers give; the nodes of pods; the volumes of claims. All of it:
https://github.com/kubectl-fleet/kubectl-fleet/blob/main/docs/diff.md

Exit codes: 0 all clusters agree (with the manifests), 1 they differ (or some do not have the object), 2 usage, 3 some clusters failed,
8 nothing could be compared: all failed, none has the object, or there is one cluster only.`,
		Example: `  # Is it the same everywhere?
  kubectl fleet diff deployment/coredns -n kube-system

  # The same for a Secret: hashes show where it differs
  kubectl fleet diff secret/registry -n default

  # Without what is meant to differ
  kubectl fleet diff deploy/web --ignore spec.replicas,'spec.template.spec.containers[name=web].env'

  # What would these manifests change, and where
  kubectl fleet diff -f web.yaml --fleet prod

  # The same for what a Karmada control plane brings there
  kubectl fleet diff -f web.yaml --name web -C east,west --via karmada=hub

  # For scripts: which clusters are not as the most
  kubectl fleet diff cm/settings -n default -o jsonpath='{.items[0].groups[1:].clusters}'`,
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			if flags.manifests.given() {
				options, err := flags.toManifestDiff(args)
				if err != nil {
					return err
				}
				return options.run(ctx)
			}
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	complete(cmd, flags.clusters, completeObjects(flags.clusters, &flags.namespace))
	return cmd
}

type diffFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags
	output   cli.OutputFlags

	namespace string
	ignore    []string
	allFields bool
	manifests manifestFlags
}

func (f *diffFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Namespace; by default each context's own")
	// Not a StringSlice: the brackets of a path hold commas and quotes.
	flags.StringArrayVar(&f.ignore, "ignore", nil, `Fields that are not compared, as the table shows them: spec.replicas,'metadata.labels["a/b"]'; * is any field, [*] every item`)
	f.manifests.addFlags(flags)
	flags.BoolVar(&f.allFields, "all-fields", false, "Compare what servers and controllers set, too: status, UIDs, times, addresses")
}

type diffOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	request  query.Request
	compare  drift.Options
}

func (f *diffFlags) toOptions(args []string) (*diffOptions, error) {
	output, err := f.output.Parse()
	if err != nil {
		return nil, err
	}
	if flag := onlyForManifests(f.flags); flag != "" {
		return nil, cli.UsageError(fmt.Errorf("--%s needs -f or -k", flag))
	}
	o := &diffOptions{env: f.env, clusters: f.clusters, output: output, compare: drift.Options{AllFields: f.allFields}}
	if o.request, err = oneObject(args, f.flags, f.namespace); err != nil {
		return nil, cli.UsageError(err)
	}
	for _, list := range f.ignore {
		paths, err := drift.ParsePaths(list)
		if err != nil {
			return nil, cli.UsageError(fmt.Errorf("--ignore: %w", err))
		}
		o.compare.Ignore = append(o.compare.Ignore, paths...)
	}
	return o, nil
}

// oneObject reads the arguments of a command that is about one object: TYPE/NAME
// or TYPE NAME.
func oneObject(args []string, flags *pflag.FlagSet, namespace string) (query.Request, error) {
	if flags.Changed("namespace") && namespace == "" {
		return query.Request{}, errors.New("--namespace is empty: leave it away to mean each context's own")
	}
	items, err := query.ParseItems(args)
	if err != nil {
		return query.Request{}, err
	}
	if len(items) != 1 || len(items[0].Names) != 1 {
		return query.Request{}, errors.New("name one object: TYPE/NAME")
	}
	r := query.Request{Items: items, Namespace: namespace}
	return r, r.Validate()
}

func (o *diffOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	line := selection.ShowWaiting(o.env)
	comparison, report, err := query.Compare(ctx, fleetOf(selection), o.request, o.compare)
	line.Done()
	if err != nil {
		return err
	}
	return o.conclude(comparison, report, o.write(comparison, report))
}
