package fleet

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

func newCmdGet(env *cli.Env) *cobra.Command {
	flags := &getFlags{env: env, clusters: cli.NewClusterFlags(env), chunkSize: query.DefaultChunkSize}
	cmd := &cobra.Command{
		Use:   "get [clusters | TYPE[,TYPE...] [NAME...] | TYPE/NAME...]",
		Short: "Show the clusters of the fleet, or the resources of all of them in one table",
		Long: `Show the clusters of the fleet, or the resources of all of them in one table.

Without arguments, get shows the roster: every cluster, as a probe finds it now. With a resource type it shows what
kubectl get shows, for all clusters together: the servers' own tables merged by column name, or one List.

A cluster that fails is named on stderr and in the List's field "failures"; what the others have is shown all the same.
Exit codes: 0 all clusters answered, 1 none did or a named object is nowhere, 2 usage, 3 some clusters failed.`,
		Example: `  # The roster: every context of the kubeconfig, as it is now
  kubectl fleet get

  # The same with API server checks, certificates and capacity
  kubectl fleet get -o wide --usage

  # All pods of all clusters in one table
  kubectl fleet get pods -A

  # Deployments with a label, in some of the clusters
  kubectl fleet get deploy -n kube-system -l k8s-app -C 'prod-*,^prod-old'

  # One object, from every cluster that has it
  kubectl fleet get service/kubernetes -n default -o json

  # The same from the members of one fleet of the fleet file
  kubectl fleet get pods --fleet prod --cluster-selector region=eu`,
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

type getFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags
	output   cli.OutputFlags

	namespace     string
	allNamespaces bool
	selector      string
	chunkSize     int64
	usage         bool
}

func (f *getFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Namespace; by default each context's own")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "All namespaces")
	flags.StringVarP(&f.selector, "selector", "l", "", "Label selector of the objects, such as app=web,tier!=cache")
	flags.Int64Var(&f.chunkSize, "chunk-size", f.chunkSize, "How many objects are asked for at once; 0 for all")
	flags.BoolVar(&f.usage, "usage", false, "With the roster: requested of allocatable CPU and memory. Reads every node and pod")
}

type getOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	// roster: the clusters themselves are asked for, these or all.
	roster  bool
	names   []string
	probing query.RosterOptions
	request query.Request
}

// rosterType is the one type that is not the clusters' own.
const rosterType = "clusters"

func (f *getFlags) toOptions(args []string) (*getOptions, error) {
	output, err := f.output.Parse()
	if err != nil {
		return nil, err
	}
	o := &getOptions{env: f.env, clusters: f.clusters, output: output}
	if len(args) == 0 || args[0] == rosterType {
		if f.allNamespaces || f.namespace != "" || f.selector != "" {
			return nil, cli.UsageError(errors.New("clusters have no namespace and no label of objects: -n, -A and -l need a resource type"))
		}
		o.roster, o.probing = true, query.RosterOptions{Usage: f.usage}
		o.names = args[min(1, len(args)):]
		return o, nil
	}
	if f.flags.Changed("namespace") && f.namespace == "" {
		return nil, cli.UsageError(errors.New("--namespace is empty: leave it away to mean each context's own"))
	}
	if f.usage {
		return nil, cli.UsageError(errors.New("--usage is for the roster: leave the resource type away"))
	}
	items, err := query.ParseItems(args)
	if err != nil {
		return nil, cli.UsageError(err)
	}
	if _, err := labels.Parse(f.selector); err != nil {
		return nil, cli.UsageError(err)
	}
	o.request = query.Request{
		Items: items, Namespace: f.namespace, AllNamespaces: f.allNamespaces,
		LabelSelector: f.selector, ChunkSize: f.chunkSize,
	}
	if err := o.request.Validate(); err != nil {
		return nil, cli.UsageError(err)
	}
	return o, nil
}

func (o *getOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx, o.names...)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	switch {
	case o.roster:
		return o.printRoster(ctx, selection)
	case o.output.Format.IsTable():
		return o.printTables(ctx, selection)
	}
	return o.printObjects(ctx, selection)
}

func (o *getOptions) printTables(ctx context.Context, s cli.Selection) error {
	waited := s.ShowWaiting(o.env)
	tables, report := query.Tables(ctx, fleetOf(s), o.request)
	waited()
	return o.conclude(report, rows(tables), o.writeTables(tables))
}

// writeTables prints the tables that have rows, an empty line between them.
func (o *getOptions) writeTables(tables []*metav1.Table) error {
	printed := false
	for _, t := range tables {
		if len(t.Rows) == 0 {
			continue
		}
		if printed {
			if _, err := o.env.Out.Write([]byte("\n")); err != nil {
				return err
			}
		}
		if err := printers.Table(o.env.Out, t, o.output.Table()); err != nil {
			return err
		}
		printed = true
	}
	return nil
}

func rows(tables []*metav1.Table) (n int) {
	for _, t := range tables {
		n += len(t.Rows)
	}
	return n
}

func (o *getOptions) printObjects(ctx context.Context, s cli.Selection) error {
	printer, err := o.output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	if !o.env.OutTerminal { // on a terminal the objects themselves are the progress
		defer s.ShowWaiting(o.env)()
	}
	n := 0
	report, err := query.Objects(ctx, fleetOf(s), o.request, func(object query.Object) error {
		n++
		return printer.Print(object.Cluster, object.Unstructured)
	})
	if err != nil {
		return err // of writing: the stream is gone
	}
	return o.conclude(report, n, printer.Close(cli.APIFailures(report.Failures)))
}

func fleetOf(s cli.Selection) query.Fleet {
	return query.Fleet{Clusters: s.Clusters, Members: s.Members, Fanout: s.Fanout}
}
