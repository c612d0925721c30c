package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/direct"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/manifest"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/render"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/propagate/set"
)

func (o *propagateOptions) run(ctx context.Context) error {
	if o.resume != nil {
		return o.goOn(ctx)
	}
	objects, err := o.read(ctx)
	if err != nil {
		return err
	}
	if o.render.only() {
		return o.showRendered(ctx, objects)
	}
	if refused := o.mutation.Askable(); refused != nil {
		return cmp.Or(o.check(ctx, objects), refused)
	}
	selection, err := selectVia(ctx, o.clusters, o.hub)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(o.env)
	if _, err := o.rollout.over(selection.Clusters); err != nil {
		return err // before anybody is asked
	}
	rendered, err := o.rendered(ctx, selection, objects)
	if err != nil {
		return err
	}
	if o.hub != "" {
		return o.propagateBy(ctx, selection, rendered)
	}
	return o.propagate(ctx, selection, rendered)
}

// check finds what is wrong with the input and can be found without a request.
func (o *propagateOptions) check(ctx context.Context, objects []manifest.Object) error {
	if o.clusters.OnHubs() {
		return nil
	}
	selection, err := o.clusters.SelectUnasked(ctx)
	if err != nil {
		return err
	}
	if _, err := o.rollout.over(selection.Clusters); err != nil {
		return err
	}
	request, err := o.renderRequest(ctx, selection, objects)
	if err != nil {
		return err
	}
	return o.renderable(request)
}

// manyBytes may be in use while a set is brought to clusters: what is sent to and
// comes from fifty of them is garbage a moment later, and to look for it sooner is a
// tenth of the work.
const manyBytes = 160 << 20

func (o *propagateOptions) propagate(ctx context.Context, selection cli.Selection, rendered render.Result) error {
	fleet := propagate.Fleet{Clusters: selection.Clusters, Members: selection.Members, Fanout: selection.Fanout}
	o.env.MayUse(manyBytes)
	line := selection.ShowWaiting(o.env)
	planned := propagate.Plan(ctx, fleet, o.request(rendered))
	line.Done()
	return o.apply(ctx, fleet, planned, rendered, "Apply")
}

// request is what is asked of the engine.
func (o *propagateOptions) request(rendered render.Result) propagate.Request {
	request := propagate.Request{Objects: rendered.ByCluster(), Options: o.options}
	request.Options.Untried = o.mutation.DryRun == cli.DryRunClient
	return request
}

// apply shows what was planned, asks, does it, and reports. do is the verb.
// rendered is what the plans were made of, nothing where that is known already.
func (o *propagateOptions) apply(ctx context.Context, fleet propagate.Fleet, planned fanout.Results[*direct.Plan], rendered render.Result, do string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failures := planned.Failures(nil); len(failures) > 0 {
		return o.refuseSome(len(planned), failures)
	}
	o.sayUnfinished(planned)
	strategy, err := o.rollout.over(fleet.Clusters)
	if err != nil {
		return err
	}
	return o.applyBy(ctx, fleet, planned, strategy, rendered, do)
}

// applyBy is apply with the waves and all else known.
func (o *propagateOptions) applyBy(ctx context.Context, fleet propagate.Fleet, planned fanout.Results[*direct.Plan], strategy propagate.Strategy, rendered render.Result, do string) error {
	view := o.view(fleet, planned)
	view.rendered, view.waves = rendered, strategy.Waves
	busy := 0
	for _, p := range planned {
		if !p.Value.Idle() {
			busy++
		}
	}
	if o.mutation.DryRun != "" {
		return o.showPlan(view)
	}
	if busy == 0 {
		o.sayNoGate(strategy)
		return o.conclude(ctx, view, propagate.Run(ctx, fleet, view.plans, strategy, newRunProgress(o.env)))
	}
	err := o.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error { return view.show(w, o.output.Table()) }, Clusters: busy, Deletions: deletions(planned),
		Do: fmt.Sprintf("%s %s in %s", do, o.options.Set, clusters(busy)),
	})
	if err != nil {
		return err
	}
	results := propagate.Run(ctx, fleet, view.plans, strategy, newRunProgress(o.env))
	return o.conclude(ctx, view, results)
}

// showPlan prints what a dry run found; who has a turn when is no part of the table.
func (o *propagateOptions) showPlan(view planView) error {
	for _, wave := range view.waveTexts() {
		o.env.Note("%s", wave)
	}
	return o.print(view.planned(), nil)
}

// sayNoGate says that nobody asks the user's program where there is nothing to ask
// about.
func (o *propagateOptions) sayNoGate(strategy propagate.Strategy) {
	if strategy.Check != nil {
		o.env.Note("nothing is to be changed, so --gate was not run")
	}
}

// sayUnfinished says whose runs did not end where this one goes.
func (o *propagateOptions) sayUnfinished(planned fanout.Results[*direct.Plan]) {
	var runs notes
	for _, p := range planned {
		if run, unfinished := p.Value.Unfinished(); unfinished {
			runs.add(p.Cluster.Name, unfinishedText(run, p.Value.Locked()))
		}
	}
	runs.say(o.env)
}

// notes are texts about clusters: one that is about several is said once.
type notes struct {
	texts []string
	where map[string][]string
}

func (n *notes) add(cluster, text string) {
	if n.where == nil {
		n.where = map[string][]string{}
	}
	if n.where[text] == nil {
		n.texts = append(n.texts, text)
	}
	n.where[text] = append(n.where[text], cluster)
}

func (n *notes) say(env *cli.Env) {
	for _, text := range n.texts {
		env.Note("%s: %s", strings.Join(n.where[text], ", "), text)
	}
}

func unfinishedText(run set.Run, locked bool) string {
	text := fmt.Sprintf("the run of %s, begun %s, did not end there", run.By, run.Started)
	if locked {
		text += "; its lock is there: whether anybody renews it takes some seconds to see"
	}
	return text
}

func (o *propagateOptions) view(fleet propagate.Fleet, planned fanout.Results[*direct.Plan]) planView {
	view := planView{set: o.options.Set, via: viaDirect, dryRun: o.mutation.DryRun, clusters: fleet.Clusters, plans: map[string]*direct.Plan{}}
	for _, p := range planned {
		view.plans[p.Cluster.Name] = p.Value
	}
	return view
}

func clustersOf(planned fanout.Results[*direct.Plan]) []inventory.Cluster {
	list := make([]inventory.Cluster, len(planned))
	for i, p := range planned {
		list[i] = p.Cluster
	}
	return list
}

// deletions counts the objects that are deleted, in all clusters.
func deletions(planned fanout.Results[*direct.Plan]) int {
	n := 0
	for _, p := range planned {
		_, deletes := p.Value.Counts()
		n += deletes
	}
	return n
}

func names(clusters []inventory.Cluster) []string {
	list := make([]string, len(clusters))
	for i, c := range clusters {
		list[i] = c.Name
	}
	return list
}

// refuse says why nothing was begun.
func (o *propagateOptions) refuse(failures []fanout.Failure) error {
	if o.options.CompareOnly {
		return sayPlanFailures(o.env, problemsOf(failures), "nothing was compared")
	}
	return sayPlanFailures(o.env, problemsOf(failures), unchanged)
}

// refuseSome is refuse, where the rest of the clusters could go without those that do
// not answer.
func (o *propagateOptions) refuseSome(asked int, failures []fanout.Failure) error {
	err := o.refuse(failures)
	var silent []string
	for _, f := range failures {
		if reason := member.ReasonOf(f.Err); reason == member.ReasonUnreachable || reason == member.ReasonTimeout {
			silent = append(silent, "^"+f.Cluster)
		}
	}
	if len(silent) > 0 && len(silent) < asked && !o.options.CompareOnly {
		o.env.Note("-C %s leaves out what does not answer", cli.ShellWord(strings.Join(silent, ",")))
	}
	return err
}

// problemsOf makes each problem of a refusal a failure of its own, so that equal
// ones of several clusters are one line.
func problemsOf(failures []fanout.Failure) []fanout.Failure {
	var all []fanout.Failure
	for _, f := range failures {
		refused, is := errors.AsType[*direct.RefusedError](f.Err)
		if !is {
			all = append(all, f)
			continue
		}
		for _, problem := range refused.Problems {
			all = append(all, fanout.Failure{Cluster: f.Cluster, Inventory: f.Inventory, Err: &direct.RefusedError{Problems: []direct.ObjectError{problem}}})
		}
	}
	return all
}
