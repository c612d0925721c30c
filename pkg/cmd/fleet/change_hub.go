package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership/karmada"
)

// hubPlan is a change of one cluster of a hub.
type hubPlan interface {
	Steps() []karmada.Step
	// Changes counts the steps that write.
	Changes() int
	Make(ctx context.Context) error
}

// hubChange is a change of clusters of a hub, each by itself: planned, shown,
// confirmed, made and reported, the same for join and join --rotate.
type hubChange struct {
	*joinOptions
	to, hub string // as given, and its context

	// head is said above the plan.
	head string
	// do says it in a few words, for the question.
	do   func(objects, changed int) string
	plan func(ctx context.Context, hub *karmada.Hub, c inventory.Cluster, members *member.Pool) (hubPlan, error)
	// wait is how long the hub may take to say that a cluster is ready; 0: nobody
	// waits for that.
	wait time.Duration
	// again is said after a failure, note when all went well.
	again, note string
}

// rightsOfHubs is the page about what joining a hub, and leaving it, asks for.
const rightsOfHubs = "https://github.com/kubectl-fleet/kubectl-fleet/blob/main/docs/joining.md"

func (c *hubChange) run(ctx context.Context) error {
	c.env.RightsIn = rightsOfHubs
	selection, err := c.clusters.Select(ctx, append([]string{c.hub}, c.contexts...)...)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(c.env)
	hubs, clusters := split(selection.Clusters, c.hub)
	if len(hubs) != 1 || len(clusters) == 0 {
		return cli.UsageError(fmt.Errorf("--to karmada=%s and %s name one cluster", c.hub, strings.Join(c.contexts, ", ")))
	}
	if c.name != "" {
		clusters[0].Name = c.name
	}
	hubMember, err := selection.Members.Member(ctx, hubs[0])
	if err == nil {
		var hub *karmada.Hub
		if hub, err = karmada.OpenHub(ctx, c.hub, hubMember); err == nil {
			selection.Clusters = clusters
			return c.change(ctx, hub, selection)
		}
	}
	c.env.SayFailures([]fanout.Failure{{Cluster: c.hub, Err: err}})
	return &cli.Error{Code: cli.ExitFailed}
}

// split tells the hub from the clusters.
func split(all []inventory.Cluster, hub string) (hubs, clusters []inventory.Cluster) {
	for _, c := range all {
		if c.Context == hub || c.Name == hub {
			hubs = append(hubs, c)
		} else {
			clusters = append(clusters, c)
		}
	}
	return hubs, clusters
}

func (c *hubChange) change(ctx context.Context, hub *karmada.Hub, selection cli.Selection) error {
	line := selection.ShowWaiting(c.env)
	results := fanout.Collect(ctx, selection.Clusters, selection.Fanout, func(ctx context.Context, one inventory.Cluster) (hubPlan, error) {
		return c.plan(ctx, hub, one, selection.Members)
	})
	line.Done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failures := results.Failures(nil); len(failures) > 0 {
		return sayPlanFailures(c.env, failures, unchanged)
	}
	plans := make([]hubPlan, len(results))
	objects, changed := 0, 0
	for i, p := range results {
		plans[i] = p.Value
		if n := p.Value.Changes(); n > 0 {
			objects += n
			changed++
		}
	}
	if c.mutation.DryRun != "" || changed == 0 {
		return c.print(plans, dry)
	}
	err := c.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error {
			if _, err := fmt.Fprintf(w, "plan for %s: %s\n", c.to, c.head); err != nil {
				return err
			}
			return stepTable(w, stepsOf(plans), planned, c.output)
		},
		Clusters: changed, Do: c.do(objects, changed),
	})
	if err != nil {
		return err
	}
	return c.make(ctx, hub, selection, plans)
}

// make makes the changes side by side, and reports.
func (c *hubChange) make(ctx context.Context, hub *karmada.Hub, selection cli.Selection, plans []hubPlan) error {
	byName := map[string]hubPlan{}
	for i, one := range selection.Clusters {
		byName[one.Name] = plans[i]
	}
	line := selection.ShowWaiting(c.env)
	results := fanout.Collect(ctx, selection.Clusters, selection.Fanout, func(ctx context.Context, one inventory.Cluster) (hubPlan, error) {
		plan := byName[one.Name]
		if err := plan.Make(ctx); err != nil {
			return nil, err
		}
		if c.wait > 0 {
			return plan, hub.AwaitReady(ctx, one.Name, c.wait)
		}
		return plan, nil
	})
	line.Done()
	var made []hubPlan
	for _, r := range results {
		if r.Value != nil {
			made = append(made, r.Value)
		}
	}
	printed := c.print(made, done)
	failures := results.Failures(nil)
	c.env.SayFailures(failures)
	if len(failures) > 0 {
		c.env.Note("%s", c.again)
	}
	if verdict := cli.Verdict(len(results), failures); verdict != nil {
		if slices.ContainsFunc(failures, func(f fanout.Failure) bool {
			return errors.Is(f.Err, karmada.ErrNotReady) || errors.Is(f.Err, karmada.ErrUnproven)
		}) {
			verdict.Code = cli.ExitTimeout
		}
		return errors.Join(printed, verdict)
	}
	if len(made) > 0 && printed == nil {
		c.env.Note("%s", c.note)
	}
	return printed
}

// print prints what is done; in every format but tables what is there then, so
// nothing that is deleted.
func (c *hubChange) print(plans []hubPlan, t tense) error {
	steps := stepsOf(plans)
	if !c.output.Format.IsTable() {
		steps = slices.DeleteFunc(steps, func(s karmada.Step) bool { return s.Action == karmada.ActionDelete })
	}
	return printSteps(c.env, c.output, steps, t)
}

func stepsOf(plans []hubPlan) []karmada.Step {
	var steps []karmada.Step
	for _, p := range plans {
		steps = append(steps, p.Steps()...)
	}
	return steps
}
