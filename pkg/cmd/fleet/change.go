package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
)

// fleetChange is a change of the fleet file: planned, shown, confirmed, made and
// reported, the same for join, unjoin and label.
type fleetChange struct {
	env      *cli.Env
	output   cli.Output
	mutation cli.Mutation
	// printer is nil for a table.
	printer printers.ListPrinter
	// file is as it was when the command began.
	file  *membership.FleetFile
	fleet string

	// verb is what is done, such as Join.
	verb string
	// preposition is how it is done with a fleet, such as to.
	preposition string
	plan        membership.Planner
}

// newFleetChange opens the fleet file and finds the fleet. An error means that
// nothing can be changed.
func newFleetChange(env *cli.Env, fleet *cli.FleetFlag, output cli.Output, mutation cli.Mutation) (*fleetChange, error) {
	c := &fleetChange{env: env, output: output, mutation: mutation}
	if !output.Format.IsTable() {
		var err error
		if c.printer, err = output.ListPrinter(env); err != nil {
			return nil, err
		}
	}
	file, err := membership.OpenFleetFile(env.FleetFile())
	if err != nil {
		return nil, cli.UsageError(err)
	}
	c.file = file
	if c.fleet, err = fleet.Of(file.Config()); err != nil {
		return nil, err
	}
	return c, file.Writable()
}

func (c *fleetChange) run(ctx context.Context) error {
	plan, err := c.plan(c.file)
	if err != nil {
		return refusal(cli.UsageError(err))
	}
	if c.mutation.DryRun == "" && plan.Changed() > 0 {
		err := c.mutation.Confirm(ctx, cli.Question{
			Plan:     func(w io.Writer) error { return c.show(w, plan) },
			Do:       fmt.Sprintf("%s %s %s fleet %s", c.verb, clusters(plan.Changed()), c.preposition, plan.Fleet),
			Clusters: plan.Changed(),
		})
		if err != nil {
			return err
		}
		if err := membership.Make(ctx, c.env.FleetFile(), plan, c.plan); err != nil {
			return refusal(err)
		}
	}
	c.sayNew(plan)
	for i := range plan.Changes {
		plan.Changes[i].DryRun = c.mutation.DryRun
	}
	return c.print(plan.Changes, nil)
}

// refusal gives an error that is a refusal its exit code.
func refusal(err error) error {
	if refused, is := errors.AsType[*membership.RefusedError](err); is {
		return &cli.Error{Code: cli.ExitRefused, Err: refused}
	}
	return err
}

// show is the plan as a person sees it before the question.
func (c *fleetChange) show(w io.Writer, plan membership.Plan) error {
	made := map[bool]string{true: " (new)"}
	head := fmt.Sprintf("plan for fleet %s%s in %s%s", plan.Fleet, made[plan.NewFleet], c.file.Path(), made[plan.NewFile])
	if _, err := fmt.Fprintln(w, printers.Escape(head)); err != nil {
		return err
	}
	return printers.Table(w, changeTable(plan.Changes, planned), printers.TableOptions{})
}

// sayNew says what was made that was not there.
func (c *fleetChange) sayNew(plan membership.Plan) {
	was := "was"
	if c.mutation.DryRun != "" {
		was = "would be"
	}
	switch {
	case plan.NewFile:
		c.env.Note("%s %s made, with fleet %s", c.file.Path(), was, plan.Fleet)
	case plan.NewFleet:
		c.env.Note("fleet %s %s made", plan.Fleet, was)
	}
}

// print prints the result.
func (c *fleetChange) print(changes []v1alpha1.MemberChange, failures []fanout.Failure) error {
	if c.printer == nil {
		tense := done
		if c.mutation.DryRun != "" {
			tense = dry
		}
		return printers.Table(c.env.Out, changeTable(changes, tense), c.output.Table())
	}
	for i := range changes {
		data, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&changes[i])
		if err != nil {
			return err
		}
		if err := c.printer.Print(changes[i].Name, &unstructured.Unstructured{Object: data}); err != nil {
			return err
		}
	}
	return c.printer.Close(cli.APIFailures(failures))
}

// isRefusal is true for a safety check that said no.
func isRefusal(err error) bool {
	refused, is := errors.AsType[*cli.Error](refusal(err))
	return is && refused.Code == cli.ExitRefused
}
