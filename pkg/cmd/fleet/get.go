package fleet

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/progress"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

func newCmdGet(env *cli.Env) *cobra.Command {
	flags := newGetFlags(env)
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

  # What is not running, the latest last, of all clusters together
  kubectl fleet get pods -A --field-selector=status.phase!=Running --sort-by=.metadata.creationTimestamp

  # What changes, in all clusters, from now on
  kubectl fleet get deploy -A --watch --output-watch-events

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
	complete(cmd, flags.clusters, completeObjects(flags.clusters, &flags.namespace))
	return cmd
}

type getOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	// roster: the clusters themselves are asked for, these or all.
	roster  bool
	names   []string
	probing query.RosterOptions
	// raw is a path to ask for as it is, instead of anything else.
	raw string

	request        query.Request
	ignoreNotFound bool
	watch          bool
	watching       query.WatchOptions
}

func (o *getOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx, o.names...)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	switch {
	case o.raw != "":
		return o.printRaw(ctx, selection)
	case o.roster:
		return o.printRoster(ctx, selection)
	case o.watch:
		return o.printWatch(ctx, selection)
	case o.output.Format.IsTable():
		return o.printTables(ctx, selection)
	}
	return o.printObjects(ctx, selection)
}

func (o *getOptions) printTables(ctx context.Context, s cli.Selection) error {
	tables := &tableWriter{env: o.env, options: o.output.Table(), items: make([]*printers.TablePrinter, len(o.request.Items))}
	patience := time.Duration(0) // piped output is in the order of the clusters, always
	if o.env.OutTerminal {
		patience = progress.Patience
	}
	line := s.ShowWaiting(o.env)
	show := func(got []*metav1.Table) error {
		defer line.Pause()()
		return tables.write(got)
	}
	report, err := query.Tables(ctx, fleetOf(s), o.request, patience, show)
	if f, category, is := query.AsCategory(ctx, fleetOf(s), o.request, &report); is && err == nil {
		tables.items = make([]*printers.TablePrinter, len(category.Items))
		var again query.Report
		again, err = query.Tables(ctx, f, category, patience, show)
		report = report.Join(again)
	}
	line.Done()
	return o.conclude(report, err)
}

func (o *getOptions) printObjects(ctx context.Context, s cli.Selection) error {
	printer, err := o.output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	var line cli.Waiting
	if !o.env.OutTerminal { // on a terminal the objects themselves are the progress
		line = s.ShowWaiting(o.env)
	}
	show := func(object query.Object) error { return printer.Print(object.Cluster, object.Unstructured) }
	report, err := query.Objects(ctx, fleetOf(s), o.request, show)
	if f, category, is := query.AsCategory(ctx, fleetOf(s), o.request, &report); is && err == nil {
		var again query.Report
		again, err = query.Objects(ctx, f, category, show)
		report = report.Join(again)
	}
	line.Done()
	if err != nil {
		return err // of writing: the stream is gone
	}
	return o.conclude(report, printer.Close(cli.APIFailures(report.Failures)))
}

func fleetOf(s cli.Selection) query.Fleet {
	return query.Fleet{Clusters: s.Clusters, Members: s.Members, Fanout: s.Fanout}
}
