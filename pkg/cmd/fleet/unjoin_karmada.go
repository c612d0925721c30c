package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership/karmada"
)

// leaveFlags are the flags of unjoin that are for a hub.
type leaveFlags struct {
	from    string
	force   bool
	timeout time.Duration
}

func (f *leaveFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.from, "from", "", "karmada=CONTEXT: take the clusters from this Karmada control plane, and not from a fleet of the fleet file")
	flags.BoolVar(&f.force, "force", false, "With --from: take away clusters that do not answer, too, and say what is left there")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "With --from: how long the hub may take to take back what it propagated")
}

// hubUnjoin takes clusters from a hub.
type hubUnjoin struct {
	*unjoinOptions
	flags *leaveFlags
	hub   string // its context
}

func (f *leaveFlags) toUnjoin(o *unjoinOptions) (*hubUnjoin, error) {
	kind, hub, is := strings.Cut(f.from, "=")
	if !is || kind != "karmada" || hub == "" {
		return nil, cli.UsageError(fmt.Errorf("--from %q: write karmada=CONTEXT", f.from))
	}
	if f.timeout <= 0 {
		return nil, cli.UsageError(fmt.Errorf("--timeout must be more than 0, is %s", f.timeout))
	}
	return &hubUnjoin{unjoinOptions: o, flags: f, hub: hub}, nil
}

func (u *hubUnjoin) run(ctx context.Context) error {
	u.env.RightsIn = rightsOfHubs
	selection, err := u.clusters.Select(ctx, u.hub)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(u.env)
	hubMember, err := selection.Members.Member(ctx, selection.Clusters[0])
	var hub *karmada.Hub
	if err == nil {
		hub, err = karmada.OpenHub(ctx, u.hub, hubMember)
	}
	if err != nil {
		u.env.SayFailures([]fanout.Failure{{Cluster: u.hub, Err: err}})
		return &cli.Error{Code: cli.ExitFailed}
	}
	requests, err := u.requests(ctx, hub)
	if err != nil {
		return err
	}
	return u.unjoin(ctx, hub, selection, requests)
}

// requests finds the way to each cluster, which is named by its context or as the
// hub calls it. Where the kubeconfig has none, --force goes on without.
func (u *hubUnjoin) requests(ctx context.Context, hub *karmada.Hub) (map[string]karmada.UnjoinRequest, error) {
	requests := map[string]karmada.UnjoinRequest{}
	for _, name := range u.members {
		r := karmada.UnjoinRequest{Name: name, Force: u.flags.force, Timeout: u.flags.timeout}
		found, err := u.clusters.Select(ctx, name)
		switch {
		case err == nil && len(found.Clusters) > 1:
			return nil, cli.UsageError(fmt.Errorf("%s means %s: name them one by one", name, inventory.Names(found.Clusters)))
		case err == nil:
			r.Name = found.Clusters[0].Name
			if r.Member, err = found.Members.Member(ctx, found.Clusters[0]); err != nil && !u.flags.force {
				return nil, err
			}
		default:
			way, failed := u.wayTo(ctx, hub, name)
			if failed != nil {
				return nil, failed
			}
			if r.Member = way; way != nil || u.flags.force {
				break
			}
			if usage, is := errors.AsType[*cli.Error](err); is {
				usage.Hint = "a cluster is named by its context, or as the hub calls it; --force takes one away from the hub to which there is no context"
			}
			return nil, err
		}
		requests[r.Name] = r
	}
	return requests, nil
}

func (u *hubUnjoin) unjoin(ctx context.Context, hub *karmada.Hub, selection cli.Selection, requests map[string]karmada.UnjoinRequest) error {
	selection.Clusters = nil
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		selection.Clusters = append(selection.Clusters, inventory.Cluster{Name: name})
	}
	line := selection.ShowWaiting(u.env)
	results := fanout.Collect(ctx, selection.Clusters, selection.Fanout, func(ctx context.Context, c inventory.Cluster) (*karmada.Unjoin, error) {
		return karmada.PlanUnjoin(ctx, hub, requests[c.Name])
	})
	line.Done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failures := results.Failures(nil); len(failures) > 0 {
		return sayPlanFailures(u.env, failures, unchanged)
	}
	plans := map[string]*karmada.Unjoin{}
	named := map[string]bool{}
	changes, propagated := 0, 0
	selection.Clusters = nil
	for _, p := range results {
		if named[p.Value.Name()] { // one of them by its context, the other as the hub calls it
			continue
		}
		named[p.Value.Name()] = true
		selection.Clusters = append(selection.Clusters, p.Cluster)
		plans[p.Cluster.Name] = p.Value
		changes += p.Value.Changes()
		propagated += p.Value.Propagated
	}
	all := func(names []inventory.Cluster) []karmada.Step {
		var steps []karmada.Step
		for _, c := range names {
			steps = append(steps, plans[c.Name].Steps...)
		}
		return steps
	}
	if u.mutation.DryRun != "" || changes == 0 {
		return printSteps(u.env, u.output, all(selection.Clusters), dry)
	}
	question := cli.Question{
		Plan:     func(w io.Writer) error { return stepTable(w, all(selection.Clusters), planned, u.output) },
		Clusters: len(selection.Clusters),
		Do:       fmt.Sprintf("Delete %d objects to take %s from %s", changes+propagated, clusters(len(selection.Clusters)), u.flags.from),
	}
	if propagated > 0 { // the objects of users: without them it is what a join makes again
		question.Deletions = changes + propagated
	}
	err := u.mutation.Confirm(ctx, question)
	if err != nil {
		return err
	}
	line = selection.ShowWaiting(u.env)
	made := fanout.Collect(ctx, selection.Clusters, selection.Fanout, func(ctx context.Context, c inventory.Cluster) (struct{}, error) {
		return struct{}{}, plans[c.Name].Make(ctx)
	})
	line.Done()
	var gone []inventory.Cluster
	for _, r := range made {
		if r.Err == nil {
			gone = append(gone, r.Cluster)
		}
	}
	printed := printSteps(u.env, u.output, all(gone), done)
	return errors.Join(printed, u.verdict(made.Failures(nil), gone, plans))
}

// verdict says what failed and what is left, and chooses the exit code.
func (u *hubUnjoin) verdict(failures []fanout.Failure, gone []inventory.Cluster, plans map[string]*karmada.Unjoin) error {
	u.env.SayFailures(failures)
	left := false
	for _, c := range gone {
		if what := plans[c.Name].Left; len(what) > 0 {
			left = true
			u.env.Note("left in %s, for somebody to delete when it is back: %s", c.Name, strings.Join(what, "; "))
		}
	}
	verdict := cli.Verdict(len(plans), failures)
	switch {
	case left:
		return &cli.Error{Code: cli.ExitAttention}
	case verdict == nil:
		return nil
	case slices.ContainsFunc(failures, func(f fanout.Failure) bool { return errors.Is(f.Err, karmada.ErrLeaving) }):
		verdict.Code = cli.ExitTimeout
	}
	return verdict
}
