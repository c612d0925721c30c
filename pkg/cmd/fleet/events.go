package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// defaultSince is how long API servers keep events by default.
const defaultSince = time.Hour

func newCmdEvents(env *cli.Env) *cobra.Command {
	flags := &eventsFlags{env: env, clusters: cli.NewClusterFlags(env), since: defaultSince}
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happens in the fleet, each thing once",
		Long: `Show what happens in the fleet, each thing once.

Events of all clusters that say the same are one line: those of one type and reason, about objects of one kind and
namespace whose names differ in ordinals and random parts only, which become *. The line says how often it happened, in
how many and which clusters, and has the newest message. The newest line is the last.

Exit codes: 0 all clusters answered, 1 none did, 2 usage, 3 some clusters failed.`,
		Example: `  # What goes wrong anywhere
  kubectl fleet events -A --types Warning

  # The last ten minutes of one namespace, with all clusters named
  kubectl fleet events -n pay --since 10m -o wide

  # Reasons by count, for programs
  kubectl fleet events -A -o custom-columns=REASON:.reason,COUNT:.count,CLUSTERS:.clusters`,
		Args: cli.NoArgs,
		RunE: cli.RunE(func(ctx context.Context, _ []string) error {
			options, err := flags.toOptions()
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	complete(cmd, flags.clusters, cobra.NoFileCompletions)
	return cmd
}

type eventsFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags
	output   cli.OutputFlags

	namespace     string
	allNamespaces bool
	types         []string
	since         time.Duration
}

func (f *eventsFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Namespace; by default each context's own")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "All namespaces")
	flags.StringSliceVar(&f.types, "types", nil, "Types of events, such as Warning; by default all")
	flags.DurationVar(&f.since, "since", f.since, "Leave out what was last seen longer ago; 0 for everything")
}

type eventsOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	since    time.Duration
	request  query.EventsRequest
}

func (f *eventsFlags) toOptions() (*eventsOptions, error) {
	output, err := f.output.Parse()
	if err != nil {
		return nil, err
	}
	o := &eventsOptions{env: f.env, clusters: f.clusters, output: output, since: f.since}
	o.request = query.EventsRequest{Namespace: f.namespace, AllNamespaces: f.allNamespaces}
	for _, t := range f.types {
		known := ""
		for _, name := range []string{"Normal", "Warning"} {
			if strings.EqualFold(t, name) {
				known = name
			}
		}
		if known == "" {
			return nil, cli.UsageError(fmt.Errorf("events have the types Normal and Warning, and not %q", t))
		}
		o.request.Types = append(o.request.Types, known)
	}
	switch {
	case f.flags.Changed("types") && len(f.types) == 0:
		err = errors.New("--types is empty: leave it away to mean all")
	case f.flags.Changed("namespace") && f.namespace == "":
		err = errors.New("--namespace is empty: leave it away to mean each context's own")
	case f.since < 0:
		err = fmt.Errorf("--since must not be less than 0, is %s", f.since)
	default:
		err = query.Request{Namespace: f.namespace}.Validate()
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	return o, nil
}

func (o *eventsOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	now := time.Now()
	if o.since > 0 {
		o.request.Since = now.Add(-o.since)
	}
	waited := selection.ShowWaiting(o.env)
	groups, report := query.Events(ctx, fleetOf(selection), o.request)
	waited.Done()
	printed := o.write(groups, report, now)
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

func (o *eventsOptions) write(groups []v1alpha1.EventGroup, report query.Report, now time.Time) error {
	if o.output.Format.IsTable() {
		return printers.Table(o.env.Out, eventsTable(groups, o.output.Table().Wide, now), o.output.Table())
	}
	printer, err := o.output.ListPrinter(o.env)
	if err != nil {
		return err
	}
	for i := range groups {
		data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&groups[i])
		if err != nil {
			return err
		}
		if err := printer.Print(groups[i].Annotations[v1alpha1.ClusterAnnotation], &unstructured.Unstructured{Object: data}); err != nil {
			return err
		}
	}
	return printer.Close(cli.APIFailures(report.Failures))
}

func eventsTable(groups []v1alpha1.EventGroup, wide bool, now time.Time) *metav1.Table {
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Last Seen", "Type", "Reason", "Namespace", "Object", "Count", "Clusters", "Message")}
	for i := range groups {
		g := &groups[i]
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			duration.HumanDuration(now.Sub(g.LastSeen.Time)), g.Type, g.Reason, printers.OrNone(g.Namespace),
			strings.ToLower(g.ObjectKind) + "/" + g.ObjectName, fmt.Sprint(g.Count), countedNames(g.Clusters, wide),
			strings.Join(strings.Fields(g.Message), " "), // one line, whatever it holds
		}})
	}
	return table
}

// countedNames is how many clusters, and as many names as a line has room for.
func countedNames(names []string, all bool) string {
	const room = 3
	shown, more := names, ""
	if len(names) > room && !all {
		shown, more = names[:room], ", ..."
	}
	return fmt.Sprintf("%d: %s%s", len(names), strings.Join(shown, ", "), more)
}
