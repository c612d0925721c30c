package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
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
	rotate         bool
	keepOld        bool
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
	flags.BoolVar(&f.wait, "wait", false, "With --to: wait until the hub says that the clusters are ready, and lets its users through to them where there is an impersonator")
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "With --wait: how long. With --rotate: how long the hub may take to work with the new token, and the old one to die")
	flags.BoolVar(&f.keepOld, "keep-old", false, "With --rotate: leave the old tokens good, so that Karmada can be restarted before the next --rotate ends them")
	flags.BoolVar(&f.rotate, "rotate", false, "With --to: replace the tokens of clusters that have joined, and nothing else; prove that the hub works with the new ones and that the old ones are dead")
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
	rights := j.role.Name
	if len(j.flags.namespaces) > 0 {
		rights += " in " + strings.Join(j.flags.namespaces, ", ")
	}
	change := &hubChange{
		joinOptions: j.joinOptions, to: j.flags.to, hub: j.hub, head: "rights of the hub in each cluster: " + rights,
		do: func(objects, changed int) string {
			return fmt.Sprintf("Make %d objects to join %s to %s", objects, clusters(changed), j.flags.to)
		},
		plan: func(ctx context.Context, hub *karmada.Hub, c inventory.Cluster, members *member.Pool) (hubPlan, error) {
			request, err := j.request(ctx, c, members)
			if err != nil {
				return nil, err
			}
			return karmada.PlanJoin(ctx, hub, request, j.mutation.DryRun == cli.DryRunClient)
		},
		again: "the same command again completes what is missing; unjoin --from " + j.flags.to + " takes away what was made",
		note:  "the tokens in the Secrets of " + j.hub + " do not expire: they are good until unjoin deletes them",
	}
	if j.flags.wait {
		change.wait = j.flags.timeout
	}
	return change.run(ctx)
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
		return karmada.JoinRequest{}, &membership.RefusedError{Err: fmt.Errorf("context %s does not verify the server's certificate, and so would the hub: --allow-insecure allows it", c.Context)}
	}
	return karmada.JoinRequest{
		Name: c.Name, Member: m, Endpoint: endpoint,
		Role: j.role, Namespaces: j.flags.namespaces, Impersonator: j.impersonator(), Wait: j.flags.wait,
		Labels: j.labels, Provider: j.flags.provider, Region: j.flags.region, Zones: j.flags.zones,
	}, nil
}
