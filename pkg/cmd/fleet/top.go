package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

func newCmdTop(env *cli.Env) *cobra.Command {
	flags := &topFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "top nodes | pods",
		Short: "Show what nodes or pods of the fleet use, and what that comes to in each cluster",
		Long: `Show what nodes or pods of the fleet use, and what that comes to in each cluster.

The numbers are those of each cluster's metrics API, as in kubectl top. A table of the totals of each cluster follows,
but for --no-headers.
A cluster without a metrics API is named on stderr as NotInstalled.

Exit codes: 0 all clusters answered, 1 none did, 2 usage, 3 some clusters failed.`,
		Example: `  # Every node, with what it uses of what it can give
  kubectl fleet top nodes

  # The hungriest pods of all clusters first
  kubectl fleet top pods -A --sort-by memory`,
		ValidArgs: []string{"nodes", "pods"},
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	complete(cmd, flags.clusters, cobra.FixedCompletions([]cobra.Completion{"nodes", "pods"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

type topFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags
	output   cli.OutputFlags

	namespace     string
	allNamespaces bool
	selector      string
	sortBy        string
}

func (f *topFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Namespace of pods; by default each context's own")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "Pods of all namespaces")
	flags.StringVarP(&f.selector, "selector", "l", "", "Label selector of the nodes or pods, such as app=web")
	flags.StringVar(&f.sortBy, "sort-by", "", "cpu or memory: the largest of all clusters first")
}

type topOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	request  query.TopRequest
}

func (f *topFlags) toOptions(args []string) (*topOptions, error) {
	output, err := f.output.Parse()
	if err != nil {
		return nil, err
	}
	o := &topOptions{env: f.env, clusters: f.clusters, output: output, request: query.TopRequest{
		Namespace: f.namespace, AllNamespaces: f.allNamespaces, LabelSelector: f.selector, SortBy: corev1.ResourceName(f.sortBy),
	}}
	switch {
	case len(args) == 1 && slices.Contains([]string{"nodes", "node", "no"}, args[0]):
	case len(args) == 1 && slices.Contains([]string{"pods", "pod", "po"}, args[0]):
		o.request.Pods = true
	case len(args) > 1:
		return nil, cli.UsageError(fmt.Errorf("top takes no names, and got %q: -l chooses by label", args[1]))
	default:
		return nil, cli.UsageError(errors.New("want nodes or pods"))
	}
	switch {
	case !o.request.Pods && (f.allNamespaces || f.flags.Changed("namespace")):
		err = errors.New("nodes have no namespace: leave -n and -A away")
	case f.flags.Changed("namespace") && f.namespace == "":
		err = errors.New("--namespace is empty: leave it away to mean each context's own")
	case !slices.Contains([]string{"", "cpu", "memory"}, f.sortBy):
		err = fmt.Errorf("--sort-by is cpu or memory, and not %q", f.sortBy)
	default:
		err = query.Request{Namespace: f.namespace}.Validate()
	}
	if err == nil {
		if _, err = labels.Parse(f.selector); err != nil {
			err = fmt.Errorf("--selector: %w", err)
		}
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	return o, nil
}

func (o *topOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	waited := selection.ShowWaiting(o.env)
	consumers, report := query.Top(ctx, fleetOf(selection), o.request)
	waited.Done()
	printed := o.write(consumers, report)
	err = conclude(o.env, report, printed)
	if printed == nil {
		namespace := o.request.Namespace
		if o.request.AllNamespaces {
			namespace = ""
		}
		sayNothing(o.env, o.output, report, namespace)
	}
	return err
}
