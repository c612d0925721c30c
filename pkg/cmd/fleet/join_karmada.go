package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership/karmada"
)

// hubFlags are the flags of join that are for a hub.
type hubFlags struct {
	to             string
	role           string
	namespaces     []string
	noImpersonator bool
	allowInsecure  bool
	provider       string
	region         string
	zones          []string
	tokenTTL       time.Duration
	wait           bool
	timeout        time.Duration
}

func (f *hubFlags) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&f.to, "to", "", "karmada=CONTEXT: join the clusters to this Karmada control plane, in push mode, and not to a fleet of the fleet file")
	flags.StringVar(&f.role, "role", karmada.RoleAdmin, "With --to: what the hub may do in the clusters: "+strings.Join(karmada.Roles(), ", ")+", or a file with a ClusterRole")
	flags.StringSliceVar(&f.namespaces, "namespaces", nil, "With --to: the role holds in these namespaces alone")
	flags.BoolVar(&f.noImpersonator, "no-impersonator", false, "With --to: no account by which users of the hub reach the clusters through it. Implied by all but --role admin without --namespaces, since that account may do everything")
	flags.BoolVar(&f.allowInsecure, "allow-insecure", false, "With --to: the hub may skip the verification of a server's certificate, as the context does")
	flags.StringVar(&f.provider, "provider", "", "With --to: the clusters' provider, by which policies spread")
	flags.StringVar(&f.region, "region", "", "With --to: the clusters' region")
	flags.StringSliceVar(&f.zones, "zone", nil, "With --to: the clusters' zones")
	flags.DurationVar(&f.tokenTTL, "token-ttl", 0, "With --to: refused, since Karmada up to 1.18 would go on with a token that has expired")
	flags.BoolVar(&f.wait, "wait", false, "With --to: wait until the hub says that the clusters are ready")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "With --wait: how long")
}

// onlyForHubs names a flag that was given and means nothing without a hub.
func onlyForHubs(flags *pflag.FlagSet) string {
	given := ""
	flags.Visit(func(f *pflag.Flag) {
		if given == "" && strings.HasPrefix(f.Usage, "With --") {
			given = f.Name
		}
	})
	return given
}

// hubJoin is a join to a hub.
type hubJoin struct {
	*joinOptions
	flags *hubFlags
	hub   string // its context
	role  karmada.Role
}

func (f *hubFlags) toJoin(o *joinOptions) (*hubJoin, error) {
	kind, hub, is := strings.Cut(f.to, "=")
	switch {
	case !is || kind != "karmada" || hub == "":
		return nil, cli.UsageError(fmt.Errorf("--to %q: write karmada=CONTEXT", f.to))
	case slices.Contains(o.contexts, hub):
		return nil, cli.UsageError(fmt.Errorf("%s is the hub; it cannot join itself", hub))
	case f.timeout <= 0:
		return nil, cli.UsageError(fmt.Errorf("--timeout must be more than 0, is %s", f.timeout))
	case f.tokenTTL != 0:
		return nil, &cli.Error{
			Code: cli.ExitRefused, Err: errors.New("--token-ttl: Karmada up to 1.18 keeps the first token in its clients, and would lose the cluster when it expires; nothing was changed"),
			Hint: "without the flag the token lives as long as its Secret in the member; unjoin takes it away",
		}
	}
	j := &hubJoin{joinOptions: o, flags: f, hub: hub}
	var err error
	if slices.Contains(karmada.Roles(), f.role) {
		j.role, err = karmada.PresetRole(f.role)
	} else {
		j.role, err = readRole(f.role)
	}
	if err != nil {
		return nil, cli.UsageError(err)
	}
	return j, nil
}

func readRole(path string) (karmada.Role, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return karmada.Role{}, fmt.Errorf("--role %s: there are %s, or name a file: %w", path, strings.Join(karmada.Roles(), ", "), err)
	}
	return karmada.ParseRole(path, text)
}

// impersonator is true if users of the hub are to reach members through it.
func (j *hubJoin) impersonator() bool {
	return !j.flags.noImpersonator && j.role.IsAdmin() && len(j.flags.namespaces) == 0
}

func (j *hubJoin) run(ctx context.Context) error {
	selection, err := j.clusters.Select(ctx, append([]string{j.hub}, j.contexts...)...)
	if err != nil {
		return err
	}
	defer selection.Warnings.Say(j.env)
	hubs, clusters := split(selection.Clusters, j.hub)
	if len(hubs) != 1 || len(clusters) == 0 {
		return cli.UsageError(fmt.Errorf("--to karmada=%s and %s name one cluster", j.hub, strings.Join(j.contexts, ", ")))
	}
	if j.name != "" {
		clusters[0].Name = j.name
	}
	hubMember, err := selection.Members.Member(ctx, hubs[0])
	if err == nil {
		var hub *karmada.Hub
		if hub, err = karmada.OpenHub(ctx, j.hub, hubMember); err == nil {
			selection.Clusters = clusters
			return j.join(ctx, hub, selection)
		}
	}
	j.env.SayFailures([]fanout.Failure{{Cluster: j.hub, Err: err}})
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

func (j *hubJoin) join(ctx context.Context, hub *karmada.Hub, selection cli.Selection) error {
	line := selection.ShowWaiting(j.env)
	planned := fanout.Collect(ctx, selection.Clusters, selection.Fanout, func(ctx context.Context, c inventory.Cluster) (*karmada.Join, error) {
		request, err := j.request(ctx, c, selection.Members)
		if err != nil {
			return nil, err
		}
		return karmada.PlanJoin(ctx, hub, request, j.mutation.DryRun == cli.DryRunClient)
	})
	line.Done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failures := planned.Failures(nil); len(failures) > 0 {
		return sayPlanFailures(j.env, failures)
	}
	plans := make([]*karmada.Join, len(planned))
	changes, changed := 0, 0
	for i, p := range planned {
		plans[i] = p.Value
		if n := p.Value.Changes(); n > 0 {
			changes += n
			changed++
		}
	}
	if j.mutation.DryRun != "" || changed == 0 {
		return printSteps(j.env, j.output, stepsOf(plans), dry)
	}
	err := j.mutation.Confirm(ctx, cli.Question{
		Plan: func(w io.Writer) error { return j.show(w, plans) }, Clusters: changed,
		Do: fmt.Sprintf("Make %d objects to join %s to %s", changes, clusters(changed), j.flags.to),
	})
	if err != nil {
		return err
	}
	return j.make(ctx, hub, selection, plans)
}

// request is what is asked for one cluster.
func (j *hubJoin) request(ctx context.Context, c inventory.Cluster, members *member.Pool) (karmada.JoinRequest, error) {
	m, err := members.Member(ctx, c)
	if err != nil {
		return karmada.JoinRequest{}, err
	}
	endpoint, err := m.Endpoint()
	if err != nil {
		return karmada.JoinRequest{}, err
	}
	if endpoint.Insecure && !j.flags.allowInsecure {
		return karmada.JoinRequest{}, &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("context %s does not verify the server's certificate, and so would the hub: --allow-insecure allows it", c.Context)}
	}
	return karmada.JoinRequest{
		Name: c.Name, Member: m, Endpoint: endpoint,
		Role: j.role, Namespaces: j.flags.namespaces, Impersonator: j.impersonator(),
		Labels: j.labels, Provider: j.flags.provider, Region: j.flags.region, Zones: j.flags.zones,
	}, nil
}

// make joins the clusters side by side, and reports.
func (j *hubJoin) make(ctx context.Context, hub *karmada.Hub, selection cli.Selection, plans []*karmada.Join) error {
	byName := map[string]*karmada.Join{}
	for i, c := range selection.Clusters {
		byName[c.Name] = plans[i]
	}
	line := selection.ShowWaiting(j.env)
	results := fanout.Collect(ctx, selection.Clusters, selection.Fanout, func(ctx context.Context, c inventory.Cluster) (*karmada.Join, error) {
		plan := byName[c.Name]
		if err := plan.Make(ctx); err != nil {
			return nil, err
		}
		if j.flags.wait {
			return plan, hub.AwaitReady(ctx, c.Name, j.flags.timeout)
		}
		return plan, nil
	})
	line.Done()
	var made []*karmada.Join
	for _, r := range results {
		if r.Value != nil {
			made = append(made, r.Value)
		}
	}
	printed := printSteps(j.env, j.output, stepsOf(made), done)
	failures := results.Failures(nil)
	j.env.SayFailures(failures)
	if len(failures) > 0 {
		j.env.Note("the same command again completes what is missing; unjoin --from %s takes away what was made", j.flags.to)
	}
	if verdict := cli.Verdict(len(results), failures); verdict != nil {
		if slices.ContainsFunc(failures, func(f fanout.Failure) bool { return errors.Is(f.Err, karmada.ErrNotReady) }) {
			verdict.Code = cli.ExitTimeout
		}
		return errors.Join(printed, verdict)
	}
	if len(made) > 0 && printed == nil {
		j.env.Note("the tokens in the Secrets of %s do not expire: they are good until unjoin deletes them", hub.Name)
	}
	return printed
}

func (j *hubJoin) show(w io.Writer, plans []*karmada.Join) error {
	rights := j.role.Name
	if len(j.flags.namespaces) > 0 {
		rights += " in " + strings.Join(j.flags.namespaces, ", ")
	}
	if _, err := fmt.Fprintf(w, "plan for %s: rights of the hub in each cluster: %s\n", j.flags.to, rights); err != nil {
		return err
	}
	return stepTable(w, stepsOf(plans), planned, j.output)
}

func stepsOf(plans []*karmada.Join) []karmada.Step {
	var steps []karmada.Step
	for _, p := range plans {
		steps = append(steps, p.Steps...)
	}
	return steps
}
