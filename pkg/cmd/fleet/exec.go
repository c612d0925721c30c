package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

func newCmdExec(env *cli.Env) *cobra.Command {
	flags := &execFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "exec {POD | TYPE/NAME} [-c CONTAINER] [-i] [-t] -- COMMAND [ARGS...]",
		Short: "Run a command in one pod, wherever it is",
		Long: `Run a command in one pod, wherever it is.

All clusters are searched, and the command runs if exactly one has what is named. If several have it, or if one does not
answer and so may have it, too, nothing is run: -C and -n say which is meant. TYPE/NAME means one pod of that workload or
service, the one that kubectl exec would take.

Exit codes: once the command has run, its own. Before that: 1 the pod is nowhere or refuses, 2 usage, 3 nowhere in the
clusters that answered, 5 it is not clear which pod is meant.`,
		Example: `  # In the pod of this name, in whatever cluster it is
  kubectl fleet exec web-0 -n shop -- date

  # The same, whatever its namespace
  kubectl fleet exec web-0 -A -- date

  # A shell, in a pod of a deployment in one cluster
  kubectl fleet exec -it deploy/web -C east -- sh

  # With input of ours
  kubectl fleet exec -i db-0 -C west -- psql < query.sql`,
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

type execFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags

	namespace     string
	allNamespaces bool
	container     string
	stdin         bool
	tty           bool
	quiet         bool
}

func (f *execFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddFlags(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Namespace; by default each context's own")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "Find the pod in all namespaces")
	flags.StringVarP(&f.container, "container", "c", "", "Container; by default the one that the pod says, or its first")
	flags.BoolVarP(&f.stdin, "stdin", "i", false, "Pass our input on to the command")
	flags.BoolVarP(&f.tty, "tty", "t", false, "The command gets a terminal")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "Only what the command says")
}

type execOptions struct {
	env       *cli.Env
	clusters  *cli.ClusterFlags
	named     string
	request   query.Request
	container string
	command   []string
	stdin     bool
	tty       bool
	quiet     bool
}

func (f *execFlags) toOptions(args []string) (*execOptions, error) {
	o := &execOptions{
		env: f.env, clusters: f.clusters, container: f.container, stdin: f.stdin, tty: f.tty && f.stdin, quiet: f.quiet,
	}
	for _, flag := range []string{"namespace", "container"} {
		if f.flags.Changed(flag) && f.flags.Lookup(flag).Value.String() == "" {
			return nil, cli.UsageError(fmt.Errorf("--%s is empty: leave it away to mean the default", flag))
		}
	}
	dash := f.flags.ArgsLenAtDash()
	switch {
	case dash < 0 && len(args) > 1:
		return nil, cli.UsageError(fmt.Errorf("the command stands behind --: kubectl fleet exec %s -- %s", args[0], strings.Join(args[1:], " ")))
	case len(args) == 0 || dash == 0:
		return nil, cli.UsageError(errors.New("in which pod? Name a POD or TYPE/NAME before --"))
	case dash < 0 || dash == len(args):
		return nil, cli.UsageError(errors.New("which command? It stands behind --"))
	case dash > 1:
		return nil, cli.UsageError(fmt.Errorf("one POD or TYPE/NAME, not %d", dash))
	}
	o.named, o.command = args[0], args[1:]
	request, err := f.which(args[0])
	if err != nil {
		return nil, cli.UsageError(err)
	}
	o.request = request
	return o, nil
}

// which reads whose pod is meant.
func (f *execFlags) which(named string) (query.Request, error) {
	items := []query.Item{{Type: "pods", Names: []string{named}}}
	if strings.Contains(named, "/") {
		var err error
		if items, err = query.ParseItems([]string{named}); err != nil {
			return query.Request{}, err
		}
	}
	r := query.Request{Items: items, Namespace: f.namespace, ChunkSize: query.DefaultChunkSize}
	if err := r.Validate(); err != nil || !f.allNamespaces {
		return r, err
	}
	if f.namespace != "" {
		return r, errors.New("--namespace and --all-namespaces exclude each other")
	}
	if strings.Contains(named, "/") {
		return r, errors.New("--all-namespaces finds pods by their own name; of a TYPE/NAME give the --namespace")
	}
	return query.Request{Items: []query.Item{{Type: "pods"}}, AllNamespaces: true, FieldSelector: "metadata.name=" + named, ChunkSize: r.ChunkSize}, nil
}

func (o *execOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	line := selection.ShowWaiting(o.env)
	pods, report := query.FindPods(ctx, fleetOf(selection), o.request)
	line.Done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(pods) == 0 {
		return o.nowhere(report)
	}
	pod, err := query.OnePod(pods, report)
	if err != nil {
		o.env.SayFailures(report.Failures)
		return &cli.Error{
			Code: cli.ExitRefused, Err: fmt.Errorf("nothing was run, as it is not clear which %q is meant: %w", o.named, err),
			Hint: fmt.Sprintf("-C %s -n %s means that of %s", pods[0].Cluster.Name, pods[0].Namespace, pods[0].Cluster.Name),
		}
	}
	container, defaulted, missing := query.ContainerOf(pod, o.container)
	if missing != nil {
		return &cli.Error{Code: cli.ExitFailed, Err: fmt.Errorf("%s: %w", pod.Cluster.Name, missing)}
	}
	if !o.quiet && report.Asked > 1 {
		o.env.Note("%s: pod %s in namespace %s", pod.Cluster.Name, pod.Name, pod.Namespace)
	}
	if !o.quiet && defaulted {
		o.env.Note("the command runs in the first container, %s; -c chooses", container)
	}
	return o.conclude(ctx, pod, o.exec(ctx, selection, pod, container))
}

// exec runs the command, on the terminal itself if it gets one.
func (o *execOptions) exec(ctx context.Context, s cli.Selection, pod *query.Pod, container string) error {
	ask := corev1.PodExecOptions{Container: container, Command: o.command, Stdin: o.stdin, Stdout: true, Stderr: true}
	streams := remotecommand.StreamOptions{Stdout: o.env.Out, Stderr: o.env.ErrOut}
	if o.stdin {
		streams.Stdin = o.env.In
	}
	if o.tty && !o.env.InTerminal() {
		o.env.Note("-t is passed over: what is typed here comes from no terminal")
		o.tty = false
	}
	if !o.tty {
		return query.Exec(ctx, fleetOf(s), pod, ask, streams)
	}
	// What is written to a terminal is one stream.
	ask.TTY, ask.Stderr = true, false
	streams.Tty, streams.Stderr = true, nil
	return o.env.LendTerminal(func(sizes remotecommand.TerminalSizeQueue) error {
		streams.TerminalSizeQueue = sizes
		return query.Exec(ctx, fleetOf(s), pod, ask, streams)
	})
}

func (o *execOptions) nowhere(report query.Report) error {
	if err := conclude(o.env, report, nil); err != nil {
		return err
	}
	// It is no error to a list that a selector matches nothing; here it is.
	return &cli.Error{Code: cli.ExitFailed, Err: fmt.Errorf("no pods of %s in %s", o.named, clusters(report.Asked))}
}

// conclude gives the command's own exit code, or says why it could not run.
func (o *execOptions) conclude(ctx context.Context, pod *query.Pod, err error) error {
	var ended *member.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &ended):
		if o.quiet {
			return &cli.Error{Code: cli.ExitCode(ended.Code)}
		}
		return &cli.Error{Code: cli.ExitCode(ended.Code), Err: ended}
	}
	o.env.SayFailures([]fanout.Failure{{Cluster: pod.Cluster.Name, Inventory: pod.Cluster.Provider, Err: err}})
	return &cli.Error{Code: cli.ExitFailed}
}
