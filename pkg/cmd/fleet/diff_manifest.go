package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
)

// manifestFlags say which manifests the live objects are compared with.
type manifestFlags struct {
	source  manifest.Source
	render  renderFlags
	options direct.Options
	via     string
}

func (f *manifestFlags) addFlags(flags *pflag.FlagSet) {
	addSource(flags, &f.source)
	flags.StringVar(&f.options.Set, "name", "", "With -f or -k, name of the set (default: the name of the file or folder)")
	flags.BoolVar(&f.options.Prune, "prune", false, "With -f or -k, show also what --prune of propagate deletes")
	addStateNamespace(flags, &f.options.StateNamespace)
	f.render.addDifferences(flags)
	addVia(flags, &f.via)
}

// given is true where manifests are named, and not a live object.
func (f *manifestFlags) given() bool { return len(f.source.Files) > 0 || f.source.Kustomization != "" }

// onlyForManifests names a flag that was given and means nothing for a live object.
func onlyForManifests(flags *pflag.FlagSet) string {
	for _, name := range []string{"name", "prune", "recursive", "state-namespace", "override", "image", "image-registry", "replicas", "weight", "weight-by", "via"} {
		if flags.Changed(name) {
			return name
		}
	}
	return ""
}

// manifestDiff compares manifests with what is live.
type manifestDiff struct {
	*propagateOptions

	// byAnyone: it was not said who brings the manifests to the clusters.
	byAnyone bool
}

func (f *diffFlags) toManifestDiff(args []string) (*manifestDiff, error) {
	output, err := f.output.Parse()
	if err != nil {
		return nil, err
	}
	o := &propagateOptions{env: f.env, clusters: f.clusters, output: output, source: f.manifests.source, options: f.manifests.options}
	o.source.Stdin = f.env.In
	switch {
	case len(args) > 0:
		err = errors.New("compare either TYPE/NAME of the clusters with one another, or -f or -k with the clusters")
	case f.allFields || len(f.ignore) > 0:
		err = errors.New("--all-fields and --ignore are for TYPE/NAME: a dry run tells what changes")
	default:
		if err = o.checkSource(); err == nil {
			err = o.nameSet()
		}
	}
	if err == nil {
		o.hub, err = parseVia(f.manifests.via, f.clusters)
	}
	if err == nil {
		o.render, err = f.manifests.render.toOptions(f.flags)
	}
	if err == nil {
		err = o.mayDivide()
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	o.options.Namespace, o.render.request.Namespace = f.namespace, f.namespace
	// What would be refused is to be seen here; but for what a policy of a hub would say
	// otherwise with it.
	o.options.ForceConflicts, o.options.TakeOver, o.options.CompareOnly = true, o.hub == "", true
	o.mutation.DryRun = cli.DryRunServer
	return &manifestDiff{o, f.manifests.via == ""}, nil
}

func (o *manifestDiff) run(ctx context.Context) error {
	objects, err := o.read(ctx)
	if err != nil {
		return err
	}
	selection, err := selectVia(ctx, o.clusters, o.hub)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	if o.hub != "" { // without -C it is one of those that are selected
		selection.Clusters = slices.DeleteFunc(selection.Clusters, func(c inventory.Cluster) bool { return c.Context == o.hub })
	}
	rendered, err := o.rendered(ctx, selection, objects)
	if err != nil {
		return notCompared(err)
	}
	if o.hub != "" {
		return o.compareBy(ctx, selection, rendered)
	}
	fleet := propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	line := selection.ShowWaiting(o.env)
	planned := propagate.Plan(ctx, fleet, o.request(rendered))
	line.Done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return o.conclude(fleet, planned)
}

// notCompared is an error with the code of that: 1 would say that something differs.
func notCompared(err error) error {
	if coded, is := errors.AsType[*cli.Error](err); is && coded.Code != cli.ExitUsage {
		coded.Code = cli.ExitNotCompared
	}
	return err
}

// compareBy compares with what a hub brings to the clusters.
func (o *manifestDiff) compareBy(ctx context.Context, selection cli.Selection, rendered render.Result) error {
	p, err := o.planHub(ctx, selection, rendered)
	if err != nil {
		return notCompared(err)
	}
	view := p.view() // without what was rendered: that is how it differs from cluster to cluster, not from what is there
	err = o.print(view.planned(), nil)
	writes, _ := p.plan.Counts()
	for _, arriving := range view.arrivals {
		writes += len(arriving)
	}
	if writes > 0 || err != nil {
		return &cli.Error{Code: cli.ExitFailed, Err: err}
	}
	return nil
}

// elsewhere is an error for a cluster to which a hub brings what is compared, if
// nobody said that the cluster itself is meant.
func (o *manifestDiff) elsewhere(plan *direct.Plan) error {
	object := plan.HeldBy("Karmada")
	if object == "" || !o.byAnyone {
		return nil
	}
	return &member.Error{Reason: member.ReasonRefused, Err: fmt.Errorf("%s is there by a Karmada: --via karmada=CONTEXT compares with what that would bring, and --via direct with what is there", object)}
}

// conclude prints what differs and chooses the exit code.
func (o *manifestDiff) conclude(fleet propagate.Fleet, planned fanout.Results[*direct.Plan]) error {
	var compared fanout.Results[*direct.Plan]
	var clusters []inventory.Cluster
	differ := false
	for i, p := range planned {
		if p.Err == nil {
			p.Err = o.elsewhere(p.Value)
			planned[i].Err = p.Err
		}
		if p.Err != nil {
			continue
		}
		writes, _ := p.Value.Counts()
		differ = differ || writes > 0
		compared, clusters = append(compared, p), append(clusters, p.Cluster)
	}
	failures := problemsOf(planned.Failures(nil))
	fleet.Clusters = clusters
	printed := o.print(o.view(fleet, compared).planned(), failures)
	o.env.SayFailures(failures)
	switch {
	case len(compared) == 0:
		return &cli.Error{Code: cli.ExitNotCompared, Err: printed}
	case len(compared) < len(planned):
		return &cli.Error{Code: cli.ExitPartial, Err: printed}
	case differ || printed != nil:
		return &cli.Error{Code: cli.ExitFailed, Err: printed}
	}
	return nil
}
