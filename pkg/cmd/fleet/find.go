package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/query"
)

func newCmdFind(env *cli.Env) *cobra.Command {
	flags := &findFlags{env: env, clusters: cli.NewClusterFlags(env)}
	cmd := &cobra.Command{
		Use:   "find NAME | TYPE/NAME | --image IMAGE",
		Short: "Show which clusters have an object, or run an image",
		Long: `Show which clusters have an object, or run an image.

With a name, find lists the objects of that name in all namespaces; a name with *, ? or [ is a glob. Of each object only
the metadata is read, never the data of a Secret. It looks at these types, or at those of --type, custom ones too:
` + "  " + strings.Join(query.FindTypes()[:7], ", ") + ",\n  " + strings.Join(query.FindTypes()[7:], ", ") + `.

With --image, find lists the workloads whose pods use the image, in init and ephemeral containers too, and the digests
that their pods really run: two under one tag are two builds. A pod is shown as the workload that it belongs to.
An image matches if its repository has the path segments asked for, whole and side by side: "pay" and "registry/pay" match
registry/pay:1.9 and registry/pay/api:2, "pa" does not. With a tag or digest the segments are the repository's last, and
the tag and digest are those asked for: "pay:1.*" matches the first only. Segments and tags may be globs, a digest may be
cut short and may stand alone, and what has no registry is on docker.io.

A type that you may not list, or that a cluster does not have, is named on stderr, and is no failure unless you asked
for it by --type. Exit codes: 0 all clusters answered, also if a glob or an image is nowhere; 1 none did, or the object of
a name is nowhere; 2 usage; 3 some clusters failed.`,
		Example: `  # Which clusters have anything called ledger
  kubectl fleet find ledger

  # By a glob, of some types, in one namespace
  kubectl fleet find 'web-*' --type deployments,certificates.cert-manager.io -n shop

  # Who uses an image, and which builds of it run
  kubectl fleet find --image registry/pay:1.9

  # Where a digest runs, under whatever tag
  kubectl fleet find --image sha256:02c4f1 -o wide`,
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
	return cmd
}

type findFlags struct {
	env      *cli.Env
	flags    *pflag.FlagSet
	clusters *cli.ClusterFlags
	output   cli.OutputFlags

	namespace     string
	allNamespaces bool
	image         string
	types         []string
}

func (f *findFlags) addFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.clusters.AddFlags(flags)
	f.output.AddFlags(flags)
	flags.StringVarP(&f.namespace, "namespace", "n", "", "Look in this namespace only")
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "Look in all namespaces, as without -n")
	flags.StringVar(&f.image, "image", "", "Find who uses this image: as much of [REGISTRY/][PATH/]NAME[:TAG][@DIGEST] as you know")
	flags.StringSliceVar(&f.types, "type", nil, "Resource types to look at for a name; by default those that the help lists")
}

type findOptions struct {
	env      *cli.Env
	clusters *cli.ClusterFlags
	output   cli.Output
	request  query.FindRequest
}

func (f *findFlags) toOptions(args []string) (*findOptions, error) {
	output, err := f.output.Parse()
	if err != nil {
		return nil, err
	}
	o := &findOptions{env: f.env, clusters: f.clusters, output: output, request: query.FindRequest{Namespace: f.namespace, Types: f.types}}
	for flag, value := range map[string]string{"namespace": f.namespace, "type": strings.Join(f.types, "")} {
		if f.flags.Changed(flag) && value == "" {
			return nil, cli.UsageError(fmt.Errorf("--%s is empty: leave it away to look everywhere", flag))
		}
	}
	switch {
	case f.flags.Changed("image") && f.image == "":
		err = errors.New("--image is empty: want as much of an image as you know")
	case f.allNamespaces && f.namespace != "":
		err = errors.New("-A and -n cannot be combined")
	case f.image != "" && (len(args) > 0 || len(f.types) > 0):
		err = errors.New("--image cannot be combined with a name or --type")
	case f.image != "":
		var image query.ImagePattern
		image, err = query.ParseImagePattern(f.image)
		o.request.Image = &image
	case len(args) != 1 || args[0] == "":
		err = errors.New("want one NAME, one TYPE/NAME, or --image")
	default:
		err = o.request.SetName(args[0])
	}
	if err == nil {
		err = o.request.Validate()
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	return o, nil
}

// isNowhere is true for an object that is in no cluster that answered.
func isNowhere(absent query.Absence) bool {
	_, object := errors.AsType[*query.NotFoundError](absent.Err)
	return object && absent.Everywhere
}

func (o *findOptions) run(ctx context.Context) error {
	selection, err := o.clusters.Select(ctx)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	waited := selection.ShowWaiting(o.env)
	found, report := query.Find(ctx, fleetOf(selection), o.request)
	waited.Done()
	printed := o.write(found, report)
	err = conclude(o.env, report, printed)
	if len(o.request.Types) == 0 && slices.ContainsFunc(report.Absent, isNowhere) {
		o.env.Note("%d types were looked at, those of workloads and their configuration; --type names others, such as nodes", len(query.FindTypes()))
	}
	if printed == nil {
		sayNothing(o.env, o.output, report, o.request.Namespace)
	}
	return err
}
