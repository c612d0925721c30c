package fleet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/progress"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

// What -l shows of each log unless told otherwise, as in kubectl.
const selectedTail = 10

// How many logs are followed at once unless told otherwise.
const defaultStreams = 50

func newCmdLogs(env *cli.Env) *cobra.Command {
	flags := &logsFlags{env: env, clusters: cli.NewClusterFlags(env), tail: -1, most: defaultStreams}
	cmd := &cobra.Command{
		Use:   "logs {POD | TYPE/NAME | -l SELECTOR} [-c CONTAINER]",
		Short: "Show the logs of pods of all clusters, each line with its cluster and pod",
		Long: `Show the logs of pods of all clusters, each line with its cluster and pod.

A pod's name means that pod wherever it is; TYPE/NAME means all pods of that workload or service, -l those with a label.
Every line begins with [CLUSTER/POD], or [CLUSTER/POD/CONTAINER] where the pod has several containers.

Without -f, logs come whole, one after the other, sorted by cluster, namespace and pod. Each cluster is read at once; piped,
the lines of one that is slow are waited for, and on a terminal those of the others come first.

With -f lines come as they are written, from each cluster as soon as it answers. A log that breaks off is taken up again
where it was, and a cluster that does not answer is tried again; stderr says when it goes and comes back. Pods that come later
to a workload or a label are followed, too; a pod that is gone is noted.

With -o json each line is an object with the fields cluster, namespace, pod, container, time and line.

Exit codes: 0 every log was read, 1 none was or the pod is nowhere, 2 usage, 3 some clusters or logs failed.`,
		Example: `  # The pod of this name, from every cluster that has it
  kubectl fleet logs web-0

  # All pods of a deployment in some of the clusters, of the last five minutes
  kubectl fleet logs deploy/web -n shop --since=5m -C 'prod-*'

  # The last hundred lines of every container of the pods with a label
  kubectl fleet logs -l app=web --all-containers --tail=100

  # What all pods of a deployment say from now on
  kubectl fleet logs deploy/web -f --tail=0

  # What the containers said before they crashed
  kubectl fleet logs -l app=web --previous`,
		RunE: cli.RunE(func(ctx context.Context, args []string) error {
			options, err := flags.toOptions(args)
			if err != nil {
				return err
			}
			return options.run(ctx)
		}),
	}
	flags.addFlags(cmd.Flags())
	complete(cmd, flags.clusters, completePod(flags.clusters, &flags.namespace))
	return cmd
}

type logsFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags

	output        string
	namespace     string
	selector      string
	container     string
	allContainers bool
	since         time.Duration
	sinceTime     string
	tail          int64
	previous      bool
	timestamps    bool
	follow        bool
	most          int
}

func (f *logsFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddFlags(flags)
	flags.StringVarP(&f.output, "output", "o", "", "Output format: json, jsonl (the same: one object a line)")
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Namespace; by default each context's own")
	flags.StringVarP(&f.selector, "selector", "l", "", "Label selector of the pods, such as app=web,tier!=cache")
	flags.StringVarP(&f.container, "container", "c", "", "Container; by default the one that the pod says, or its first")
	flags.BoolVar(&f.allContainers, "all-containers", false, "All containers of each pod")
	flags.BoolVarP(&f.follow, "follow", "f", false, "Go on with what is written from now on")
	flags.IntVar(&f.most, "max-log-requests", f.most, "How many logs -f may follow at once")
	flags.DurationVar(&f.since, "since", 0, "Only lines younger than this, such as 5m")
	flags.StringVar(&f.sinceTime, "since-time", "", "Only lines after this time (RFC3339), such as 2026-01-31T12:00:00Z")
	flags.Int64Var(&f.tail, "tail", f.tail, fmt.Sprintf("How many of the last lines of each log; -1 for all. With -l %d unless told otherwise", selectedTail))
	flags.BoolVarP(&f.previous, "previous", "p", false, "The containers before the present ones, if they were restarted")
	flags.BoolVar(&f.timestamps, "timestamps", false, "Each line with its time")
}

type logsOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	request  query.LogRequest
	printing printers.LogOptions
	follow   bool
	most     int
}

func (f *logsFlags) toOptions(args []string) (*logsOptions, error) {
	o := &logsOptions{
		env: f.env, clusters: f.clusters, follow: f.follow, most: f.most,
		request:  query.LogRequest{Container: f.container, All: f.allContainers},
		printing: printers.LogOptions{Timestamps: f.timestamps, Terminal: f.env.OutTerminal},
	}
	switch f.output {
	case printers.FormatTable:
	case printers.FormatJSON, printers.FormatJSONLines:
		o.printing.JSON = true
	default:
		return nil, cli.UsageError(fmt.Errorf("unknown output format %q; logs have: json, jsonl", f.output))
	}
	for _, flag := range []string{"namespace", "selector", "container"} {
		if f.flags.Changed(flag) && f.flags.Lookup(flag).Value.String() == "" {
			return nil, cli.UsageError(fmt.Errorf("--%s is empty: leave it away to mean the default", flag))
		}
	}
	if f.container != "" && f.allContainers {
		return nil, cli.UsageError(errors.New("--container and --all-containers exclude each other"))
	}
	err := f.which(args, &o.request.Pods)
	if err == nil {
		o.request.Options, err = f.logOptions()
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	o.request.Options.Timestamps = f.timestamps || o.printing.JSON
	return o, nil
}

// which reads whose logs are meant.
func (f *logsFlags) which(args []string, r *query.Request) error {
	*r = query.Request{Namespace: f.namespace, LabelSelector: f.selector, ChunkSize: query.DefaultChunkSize}
	switch {
	case len(args) == 0 && f.selector == "":
		return errors.New("whose logs? Name a POD or TYPE/NAME, or select pods with -l")
	case len(args) == 0:
		r.Items = []query.Item{{Type: "pods"}}
		if _, err := labels.Parse(f.selector); err != nil {
			return err
		}
	case len(args) > 1:
		return fmt.Errorf("only one POD or TYPE/NAME at a time; there are %d. Select several pods with -l", len(args))
	case strings.Contains(args[0], "/"):
		items, err := query.ParseItems(args)
		if err != nil {
			return err
		}
		r.Items = items
	default:
		r.Items = []query.Item{{Type: "pods", Names: args}}
	}
	return r.Validate()
}

func (f *logsFlags) logOptions() (o corev1.PodLogOptions, err error) {
	o.Previous = f.previous
	switch {
	case f.most < 1:
		return o, fmt.Errorf("--max-log-requests must be at least 1, is %d", f.most)
	case f.since < 0:
		return o, fmt.Errorf("--since must be more than 0, is %s", f.since)
	case f.since > 0 && f.sinceTime != "":
		return o, errors.New("--since and --since-time exclude each other")
	case f.since > 0:
		o.SinceSeconds = new(int64(math.Ceil(f.since.Seconds())))
	case f.sinceTime != "":
		at, err := time.Parse(time.RFC3339, f.sinceTime)
		if err != nil {
			return o, fmt.Errorf("--since-time: %w", err)
		}
		o.SinceTime = new(metav1.NewTime(at))
	}
	switch {
	case f.tail < -1:
		return o, fmt.Errorf("--tail must be -1 or more, is %d", f.tail)
	case f.tail >= 0:
		o.TailLines = new(f.tail)
	case f.selector != "" && !f.flags.Changed("tail"):
		o.TailLines = new(int64(selectedTail))
	}
	return o, nil
}

func (o *logsOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	printer := printers.NewLogPrinter(o.env.Out, o.printing)
	if o.follow {
		return o.runFollow(ctx, selection, printer)
	}
	patience := time.Duration(0) // piped output is in the order of the clusters, always
	if o.env.OutTerminal {
		patience = progress.Patience
	}
	line := selection.ShowWaiting(o.env)
	report, err := query.ReadLogs(ctx, fleetOf(selection), o.request, patience, func(l query.LogLine) error {
		defer line.Pause()()
		return printer.Print(l)
	})
	line.Done()
	if err != nil {
		return err // of writing: the stream is gone
	}
	o.sayLacking(report)
	return o.conclude(ctx, report)
}
