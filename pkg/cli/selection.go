package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/kubeconfig"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/membership"
)

// Selection is what the flags come down to: whom to work on, and how.
type Selection struct {
	// Clusters are distinct and sorted by name.
	Clusters []inventory.Cluster
	// Listed are all that there are to select from.
	Listed  []inventory.Cluster
	Members *member.Pool
	Fanout  fanout.Options
	// Warnings are those of the API servers, gathered.
	Warnings *Warnings
}

// Select finds the clusters that the flags mean. names, if any, are taken as if
// they stood in -C. An error is one of usage, with nothing asked of any cluster,
// or that the hubs list none.
func (f *ClusterFlags) Select(ctx context.Context, names ...string) (Selection, error) {
	selection, err := f.selected(ctx, names...)
	if err == nil {
		selection.logIn(ctx)
	}
	return selection, err
}

// SelectUnasked is Select for a command that asks no cluster for anything: nobody
// logs in. Hubs are asked for their clusters all the same.
func (f *ClusterFlags) SelectUnasked(ctx context.Context, names ...string) (Selection, error) {
	return f.selected(ctx, names...)
}

// selected is Select before anybody logs in.
func (f *ClusterFlags) selected(ctx context.Context, names ...string) (Selection, error) {
	selector, err := f.selectorOf(names)
	if err != nil {
		return Selection{}, UsageError(err)
	}
	return f.chosen(ctx, selector)
}

// SelectListed is Select for all that are listed, whichever of them the flags mean.
// --context means one all the same.
func (f *ClusterFlags) SelectListed(ctx context.Context) (Selection, error) {
	selection, err := f.chosen(ctx, inventory.Selector{})
	if err == nil {
		selection.logIn(ctx)
	}
	return selection, err
}

// chosen are the clusters that a selector means.
func (f *ClusterFlags) chosen(ctx context.Context, selector inventory.Selector) (Selection, error) {
	selection := Selection{Warnings: &Warnings{}}
	var err error
	if selection.Fanout, err = f.fanout(); err != nil {
		return Selection{}, UsageError(err)
	}
	listed, err := f.list(ctx)
	if err != nil {
		return Selection{}, asUsage(err)
	}
	selected, err := f.narrow(listed, selector)
	if err != nil {
		return Selection{}, f.explain(err, listed.clusters)
	}
	selection.Clusters, selection.Listed = f.distinct(selected), listed.clusters
	selection.Members = f.members(len(selection.Clusters) > 1, selection.Warnings.Warn)
	return selection, nil
}

// distinct drops second names of one cluster, says so, and sorts.
func (f *ClusterFlags) distinct(selected []inventory.Cluster) []inventory.Cluster {
	if f.contexts {
		sortByName(selected)
		return selected
	}
	distinct, duplicates := inventory.Distinct(selected)
	f.env.sayDuplicates(duplicates)
	for _, group := range inventory.PossiblySame(distinct) {
		f.env.Note("%s share one address and log in differently: they may be one cluster, shown more than once", inventory.Names(group))
	}
	sortByName(distinct)
	return distinct
}

// sayDuplicates says in one line, however many there are, which entries are
// passed over.
func (e *Env) sayDuplicates(duplicates []inventory.Duplicate) {
	if len(duplicates) == 1 {
		d := duplicates[0]
		if d.Kept.Context != "" && d.Dropped.Context != "" {
			e.Note("contexts %q and %q are the same cluster; it is asked once, as %s", d.Kept.Context, d.Dropped.Context, d.Kept.Name)
		} else {
			e.Note("%s and %s are the same cluster; it is asked once, as %s", d.Kept.Name, d.Dropped.Name, d.Kept.Name)
		}
		return
	}
	var kept []string
	dropped := map[string][]string{}
	for _, d := range duplicates {
		if dropped[d.Kept.Name] == nil {
			kept = append(kept, d.Kept.Name)
		}
		dropped[d.Kept.Name] = append(dropped[d.Kept.Name], d.Dropped.Name)
	}
	for i, name := range kept {
		kept[i] += " (also " + strings.Join(dropped[name], ", ") + ")"
	}
	if len(kept) > 0 {
		e.Note("several names of one cluster, which is asked once: %s", strings.Join(kept, ", "))
	}
}

func sortByName(clusters []inventory.Cluster) {
	sort.SliceStable(clusters, func(i, j int) bool { return clusters[i].Name < clusters[j].Name })
}

// logIn lets credential plugins that insist on a terminal ask their questions,
// one at a time, before many clusters are asked at once. What they give, and a
// failure too, is kept for the cluster's turn, and reported there.
func (s Selection) logIn(ctx context.Context) {
	for _, c := range s.Clusters {
		if m := s.prompting(ctx, c); m != nil {
			_ = m.Login(ctx)
		}
	}
}

// prompting is the way to a cluster whose login asks a person, or nil. Only what
// the user's own kubeconfig says may do that; to look at what a hub says would be
// a request for each cluster, one after the other.
func (s Selection) prompting(ctx context.Context, c inventory.Cluster) *member.Member {
	if c.Context == "" {
		return nil
	}
	if m, err := s.Members.Member(ctx, c); err == nil && m.NeedsPrompt() {
		return m
	}
	return nil
}

// kubeconfig reads the user's kubeconfig.
func (f *ClusterFlags) kubeconfig() (*kubeconfig.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = *f.config.KubeConfig
	rules.WarnIfAllMissing = false // it is an error here, and said once
	config, err := kubeconfig.Load(rules)
	if err != nil {
		return nil, err
	}
	for _, path := range config.Missing {
		f.env.Note("KUBECONFIG names %s, which does not exist; its clusters are not asked", path)
	}
	return config, nil
}

// listKubeconfig lists the contexts or, where a fleet is meant, its members.
func (f *ClusterFlags) listKubeconfig(ctx context.Context, config *kubeconfig.Config, as kubeconfig.Impersonation) ([]inventory.Cluster, error) {
	fleet, err := f.chosenFleet()
	if err != nil {
		return nil, err
	}
	listed, err := kubeconfig.Provider{Config: config, Fleet: fleet, As: as}.List(ctx)
	if err != nil {
		return nil, err
	}
	return listed, inventory.ValidateNames(listed)
}

// Members lists the members of any fleet. What the kubeconfig does not have, or
// no kubeconfig, is no obstacle: a member is in a fleet all the same.
func (f *ClusterFlags) Members(ctx context.Context) membership.Lister {
	config, err := f.silenced().kubeconfig()
	if err != nil {
		config = kubeconfig.None()
	}
	return func(fleet *v1alpha1.Fleet) ([]inventory.Cluster, error) {
		return kubeconfig.Provider{Config: config, Fleet: fleet}.List(ctx)
	}
}

// chosenFleet is the fleet that the command is about, or nil for every context.
func (f *ClusterFlags) chosenFleet() (*v1alpha1.Fleet, error) {
	if *f.config.Context != "" || f.contexts {
		return nil, nil
	}
	path := f.env.FleetFile()
	file, unknown, err := inventory.ReadFleetFile(path)
	if err != nil {
		return nil, err
	}
	for _, u := range unknown {
		f.env.Note("%s", u)
	}
	name := f.fleet
	if !f.flags.Changed(fleetFlag) {
		name = f.env.defaultFleet(file)
	}
	if name == "" {
		return nil, nil
	}
	if file == nil {
		return nil, &inventory.NoFleetFileError{Fleet: name, Path: path}
	}
	return inventory.FindFleet(file, name)
}

func (f *ClusterFlags) impersonation() (kubeconfig.Impersonation, error) {
	as := kubeconfig.Impersonation{User: *f.config.Impersonate, UID: *f.config.ImpersonateUID, Groups: *f.config.ImpersonateGroup}
	for _, extra := range *f.config.ImpersonateUserExtra {
		key, value, ok := strings.Cut(extra, "=")
		if !ok {
			return as, fmt.Errorf("--as-user-extra %q: want KEY=VALUE", extra)
		}
		if as.Extra == nil {
			as.Extra = map[string][]string{}
		}
		as.Extra[key] = append(as.Extra[key], value)
	}
	if as.User == "" && (as.UID != "" || len(as.Groups) > 0 || len(as.Extra) > 0) {
		return as, fmt.Errorf("--as-uid, --as-group and --as-user-extra need --as")
	}
	return as, nil
}

// narrow chooses what the flags mean of a listing. A hub that failed is in any
// choice, since it may have what is meant.
func (f *ClusterFlags) narrow(listed inventoryListing, selector inventory.Selector) ([]inventory.Cluster, error) {
	if context := *f.config.Context; context != "" {
		c, err := byContext(listed.clusters, context)
		return []inventory.Cluster{c}, err
	}
	selected, err := selector.Select(listed.clusters)
	if err != nil && len(listed.hubs) > 0 {
		if len(listed.clusters) > 0 {
			f.env.Note("%s, as far as the inventories that answered know", err)
		}
		err = nil
	}
	return slices.Concat(selected, listed.hubs), err
}

// explain adds the remedy to an error of selection.
func (f *ClusterFlags) explain(err error, listed []inventory.Cluster) error {
	const enough = 12 // names that still help to look at
	usage := &Error{Code: ExitUsage, Err: err}
	if len(listed) == 0 {
		return &Error{Code: ExitUsage, Err: errors.New("the fleet has no members"), Hint: f.env.DisplayName() + " join CONTEXT adds one"}
	}
	fleet := f.onlyFleet()
	what := "clusters"
	shown := slices.Clone(listed[:min(enough, len(listed))])
	switch {
	case fleet != nil:
		what += " of fleet " + fleet.Name
	case f.contexts, *f.config.Context != "":
		what = "contexts"
		for i := range shown {
			shown[i].Name = shown[i].Context
		}
	}
	names := inventory.Names(shown)
	if more := len(listed) - enough; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	usage.Hint = fmt.Sprintf("the %s are: %s", what, names)
	if unknown, is := errors.AsType[*inventory.UnknownClusterError](err); is {
		usage.Hint += f.elsewhere(unknown.Name, fleet)
	}
	if f.selector != "" && !slices.ContainsFunc(listed, func(c inventory.Cluster) bool { return len(c.Labels) > 0 }) {
		usage.Hint = "contexts have no labels; the members of a fleet in the fleet file have (" + f.env.FleetFile() + ", --fleet)"
	}
	return usage
}

// Named is the way to one cluster by its name, whichever are selected. An error is
// one of usage.
func (f *ClusterFlags) Named(ctx context.Context, name string) (*member.Member, error) {
	listed, err := f.silenced().list(ctx)
	if err != nil {
		return nil, asUsage(err)
	}
	include, _, err := inventory.ParseNames([]string{name})
	if err != nil {
		return nil, UsageError(err)
	}
	found, err := inventory.Selector{Names: include}.Select(listed.clusters)
	if err != nil {
		return nil, f.explain(err, listed.clusters)
	}
	if len(found) != 1 {
		return nil, UsageError(fmt.Errorf("%q means %d clusters: name one", name, len(found)))
	}
	return f.members(false, func(inventory.Cluster, string) {}).Member(ctx, found[0])
}
