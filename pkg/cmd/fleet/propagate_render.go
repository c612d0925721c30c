package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/policy"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/weight"
)

// renderFlags say what is different from cluster to cluster.
type renderFlags struct {
	overrides   []string
	images      []string
	registry    string
	replicas    int64
	weights     string
	weightBy    string
	render      bool
	listImages  bool
	showSecrets bool
}

func (f *renderFlags) addFlags(flags *pflag.FlagSet) {
	f.addDifferences(flags)
	flags.BoolVar(&f.render, "render", false, "Print the final objects of each cluster, as YAML, and do nothing else")
	flags.BoolVar(&f.listImages, "list-images", false, "Print the images of the final objects, and do nothing else")
	flags.BoolVar(&f.showSecrets, "show-secrets", false, "With --render, print what Secrets hold, and not hashes of it")
}

// addDifferences binds what makes the objects of one cluster other than those of
// the next.
func (f *renderFlags) addDifferences(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.overrides, "override", nil, "Another value in some clusters, CLUSTERS:[TYPE/NAME:]/JSON/POINTER=VALUE; null takes the field away")
	flags.StringArrayVar(&f.images, "image", nil, "Another image, NAME=NAME[:TAG|@DIGEST], in all containers that use it")
	flags.StringVar(&f.registry, "image-registry", "", "Take all images from this registry, HOST[/PATH], where they have the path that they have")
	flags.Int64Var(&f.replicas, "replicas", 0, "With --weight or --weight-by, how many replicas each workload has in all clusters together (default: what its manifest says)")
	flags.StringVar(&f.weights, "weight", "", "Divide the replicas of workloads among the clusters, CLUSTER=WEIGHT,...")
	flags.StringVar(&f.weightBy, "weight-by", "", `"free": divide the replicas of workloads by how many of their pods have room in each cluster`)
}

// renderOptions are renderFlags understood.
type renderOptions struct {
	request     render.Request
	render      bool
	listImages  bool
	showSecrets bool
}

// only is true where no cluster is to be changed.
func (o renderOptions) only() bool { return o.render || o.listImages }

func (f *renderFlags) toOptions(flags *pflag.FlagSet) (renderOptions, error) {
	o := renderOptions{render: f.render, listImages: f.listImages, showSecrets: f.showSecrets}
	for _, text := range f.overrides {
		override, err := render.ParseOverride(text)
		if err != nil {
			return o, fmt.Errorf("--%w", err)
		}
		o.request.Overrides = append(o.request.Overrides, override)
	}
	for _, text := range f.images {
		change, err := render.ParseImageChange(text)
		if err != nil {
			return o, fmt.Errorf("--%w", err)
		}
		o.request.Images = append(o.request.Images, change)
	}
	var err error
	if flags.Changed("image-registry") {
		if o.request.Registry, err = render.ParseRegistry(f.registry); err != nil {
			return o, fmt.Errorf("--image-%w", err)
		}
	}
	if o.request.Division, err = f.division(flags); err != nil {
		return o, err
	}
	switch {
	case f.render && f.listImages:
		return o, errors.New("--render and --list-images cannot be combined")
	case f.showSecrets && !f.render:
		return o, errors.New("--show-secrets needs --render")
	}
	return o, nil
}

// weightByFree is the value of --weight-by.
const weightByFree = "free"

func (f *renderFlags) division(flags *pflag.FlagSet) (render.Division, error) {
	var d render.Division
	var err error
	if flags.Changed("weight") {
		if d.Weights, err = weight.Parse(f.weights); err != nil {
			return d, fmt.Errorf("--%w", err)
		}
	}
	if flags.Changed("weight-by") {
		switch {
		case f.weightBy != weightByFree:
			return d, fmt.Errorf("--weight-by is %q: want %s", f.weightBy, weightByFree)
		case d.Weights != nil:
			return d, errors.New("--weight and --weight-by cannot be combined")
		}
		d.ByFree = true
	}
	if !flags.Changed("replicas") {
		return d, nil
	}
	d.Total = &f.replicas
	switch {
	case f.replicas < 0:
		err = fmt.Errorf("--replicas cannot be less than 0, is %d", f.replicas)
	case !d.Divides():
		err = errors.New("--replicas are divided among the clusters: say how with --weight or --weight-by, or give each as many with --override '*:/spec/replicas=N'")
	}
	return d, err
}

// read reads the objects; none if each cluster has its own.
func (o *propagateOptions) read(ctx context.Context) ([]manifest.Object, error) {
	if render.HasVariables(o.source.Kustomization) {
		return nil, nil
	}
	if o.live.from != "" {
		return o.readLive(ctx)
	}
	objects, err := o.readFrom(ctx, o.source)
	if err == nil {
		objects, err = o.takePolicies(objects)
	}
	if err != nil {
		err = cli.UsageError(err)
	}
	return objects, err
}

// takePolicies takes the policies out of the objects, and has them followed.
func (o *propagateOptions) takePolicies(objects []manifest.Object) ([]manifest.Object, error) {
	policies, rest, err := policy.Split(objects)
	if err != nil || policies.Empty() {
		return objects, err
	}
	for _, note := range policies.Notes() {
		o.env.Note("%s", note)
	}
	if o.hub == "" {
		notes, err := policies.Direct()
		if err != nil {
			return nil, err
		}
		for _, note := range notes {
			o.env.Note("%s", note)
		}
	}
	if len(rest) == 0 {
		return nil, errors.New("there are policies in what was named, and no objects that they could be for")
	}
	o.render.request.Policies = policies
	return rest, nil
}

// qualify asks the clusters for the hardware that policies demand.
func (o *propagateOptions) qualify(ctx context.Context, selection cli.Selection) error {
	policies := o.render.request.Policies
	if policies == nil {
		return nil
	}
	line := selection.ShowWaiting(o.env)
	notes, failures, err := propagate.Qualify(ctx, propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}, policies)
	line.Done()
	for _, note := range notes {
		o.env.Note("%s", note)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case len(failures) > 0:
		return o.refuse(failures)
	case err != nil:
		return &cli.Error{Code: cli.ExitRefused, Err: err}
	}
	return nil
}

func (*propagateOptions) readFrom(ctx context.Context, source manifest.Source) ([]manifest.Object, error) {
	objects, err := manifest.Read(ctx, source)
	if err == nil && len(objects) == 0 {
		err = errors.New("there are no objects in what was named")
	}
	return objects, err
}

// renderRequest is what is rendered for the selected clusters.
func (o *propagateOptions) renderRequest(ctx context.Context, selection cli.Selection, objects []manifest.Object) (render.Request, error) {
	request := o.render.request
	request.Clusters, request.Listed, request.Objects = selection.Clusters, selection.Listed, objects
	if !render.HasVariables(o.source.Kustomization) {
		return request, nil
	}
	var err error
	if request.Own, err = o.readEach(ctx, selection.Clusters); err != nil {
		err = cli.UsageError(err)
	}
	return request, err
}

// renderable is an error if the input is wrong, whatever the clusters say.
func (o *propagateOptions) renderable(request render.Request) error {
	if request.Policies != nil && (o.hub != "" || len(request.Policies.Hardware()) > 0) { // others know what they come to
		request.Policies = nil
	}
	request.Undivided = request.ByFree()
	if _, err := render.Render(request); err != nil {
		return cli.UsageError(err)
	}
	return nil
}

// rendered are the final objects of each cluster.
func (o *propagateOptions) rendered(ctx context.Context, selection cli.Selection, objects []manifest.Object) (render.Result, error) {
	request, err := o.renderRequest(ctx, selection, objects)
	if err != nil {
		return render.Result{}, err
	}
	// A hub knows of autoscalers itself.
	if err := o.qualify(ctx, selection); err != nil {
		return render.Result{}, err
	}
	if o.hub != "" && request.Policies != nil { // Karmada follows them itself
		theirs, err := request.Policies.Objects()
		if err != nil {
			return render.Result{}, cli.UsageError(err)
		}
		for _, one := range theirs {
			request.Objects = append(request.Objects, manifest.Object{Unstructured: one})
		}
		request.Policies = nil
	}
	if request.ByFree() || (request.Division.Divides() || request.Policies != nil) && !o.render.only() && o.hub == "" {
		// What is wrong with the input is found before anybody is asked.
		dry := request
		dry.Undivided = request.ByFree()
		undivided, err := render.Render(dry)
		if err != nil {
			return undivided, cli.UsageError(err)
		}
		if request.Division.Live, err = o.askLive(ctx, selection, request, undivided); err != nil {
			return render.Result{}, err
		}
	}
	result, err := render.Render(request)
	for _, note := range result.Notes {
		o.env.Note("%s", note)
	}
	if _, full := errors.AsType[*weight.NoRoomError](err); full {
		return result, &cli.Error{Code: cli.ExitRefused, Err: err}
	}
	if err != nil {
		err = cli.UsageError(err)
	}
	return result, err
}

// readEach reads the objects of each cluster's own kustomization.
func (o *propagateOptions) readEach(ctx context.Context, clusters []inventory.Cluster) (map[string][]manifest.Object, error) {
	objects := map[string][]manifest.Object{}
	for _, c := range clusters {
		own := o.source
		var err error
		if own.Kustomization, err = render.Expand(own.Kustomization, c); err != nil {
			return nil, fmt.Errorf("-k: %w", err)
		}
		if objects[c.Name], err = o.readFrom(ctx, own); err != nil {
			return nil, fmt.Errorf("for %s: %w", c.Name, err)
		}
	}
	return objects, nil
}

// askLive asks the clusters what a division depends on. One that does not answer is
// the end: the others' parts depend on it.
func (o *propagateOptions) askLive(ctx context.Context, selection cli.Selection, request render.Request, undivided render.Result) (map[string]render.Live, error) {
	line := selection.ShowWaiting(o.env)
	fleet := propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	asked := propagate.Live(ctx, fleet, request, undivided.ByCluster())
	line.Done()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if failures := asked.Failures(nil); len(failures) > 0 {
		return nil, o.refuseSome(len(asked), failures)
	}
	live := map[string]render.Live{}
	for _, r := range asked {
		live[r.Cluster.Name] = r.Value
	}
	return live, nil
}
