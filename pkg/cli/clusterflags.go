package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory/hubconfig"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
)

// ClusterFlags say which clusters a command is about, and how to talk to them.
type ClusterFlags struct {
	env    *Env
	flags  *pflag.FlagSet
	config *genericclioptions.ConfigFlags

	clusters    []string
	selector    string
	fleet       string
	inventory   []string
	programs    string
	trust       bool
	timeout     time.Duration
	concurrency int
	// prompts: a login may ask a person.
	prompts bool
	// contexts: the command's arguments are contexts. No fleet narrows what there
	// is to choose from, and second names of one cluster are not passed over.
	contexts bool
}

// programsFlag is the file that says which programs give access to
// ClusterProfiles.
const programsFlag = "clusterprofile-providers"

// NewClusterFlags returns the flags with their defaults.
func NewClusterFlags(env *Env) *ClusterFlags {
	all := genericclioptions.NewConfigFlags(false)
	return &ClusterFlags{
		env: env,
		// The rest of kubectl's connection flags address one server or one
		// user; a fleet has many of both.
		config: &genericclioptions.ConfigFlags{
			KubeConfig: all.KubeConfig, Context: all.Context, CacheDir: all.CacheDir,
			Impersonate: all.Impersonate, ImpersonateUID: all.ImpersonateUID,
			ImpersonateGroup: all.ImpersonateGroup, ImpersonateUserExtra: all.ImpersonateUserExtra,
		},
		timeout:     member.DefaultTimeout,
		concurrency: fanout.DefaultConcurrency,
		prompts:     true,
	}
}

// AddFlags binds the flags.
func (f *ClusterFlags) AddFlags(flags *pflag.FlagSet) {
	f.addConnectionFlags(flags)
	flags.Lookup("context").Usage = "Work on the one cluster of this kubeconfig context"
	flags.StringSliceVarP(&f.clusters, "clusters", "C", nil, "Clusters by member or context name: a,b,'prod-*'; ^name excludes")
	flags.StringVar(&f.selector, "cluster-selector", "", "Clusters by the labels that the fleet file or a hub gives them, such as env=prod,tier!=canary")
	flags.StringVar(&f.fleet, "fleet", "", "Clusters of this fleet of the fleet file; empty for every context (default $"+FleetVariable+", then the fleet file's currentFleet)")
	flags.StringSliceVar(&f.inventory, "inventory", nil, "Where clusters are listed: kubeconfig, karmada=CONTEXT, kurator=CONTEXT, clusterapi=CONTEXT, clusterprofile=CONTEXT; several are merged (default kubeconfig)")
	flags.StringVar(&f.programs, programsFlag, "", "File that names the programs that give access to ClusterProfiles (default $"+ProgramsVariable+")")
	flags.BoolVar(&f.trust, strings.TrimPrefix(hubconfig.TrustFlag, "--"), false, "Let kubeconfigs out of a hub's Secrets run programs, read files, use proxies and skip verification, as your own may")
}

// AddContextFlags binds the flags of a command whose arguments are contexts: how
// to talk to them, and not which.
func (f *ClusterFlags) AddContextFlags(flags *pflag.FlagSet) {
	f.contexts = true
	named := f.config.Context
	f.config.Context = nil // a flag that is not there is not bound
	f.addConnectionFlags(flags)
	f.config.Context = named
}

// AddKubeconfigFlag binds --kubeconfig alone, for a command that asks no cluster.
func (f *ClusterFlags) AddKubeconfigFlag(flags *pflag.FlagSet) {
	f.flags = flags
	(&genericclioptions.ConfigFlags{KubeConfig: f.config.KubeConfig}).AddFlags(flags)
}

func (f *ClusterFlags) addConnectionFlags(flags *pflag.FlagSet) {
	f.flags = flags
	f.config.AddFlags(flags)
	flags.DurationVar(&f.timeout, "cluster-timeout", f.timeout, "How long one cluster may take to answer one request. Login is not counted")
	flags.IntVar(&f.concurrency, "concurrency", f.concurrency, "How many clusters are asked at once")
}

// selectorOf reads the flags that narrow the listing; names, if any, are taken as
// if they stood in -C.
func (f *ClusterFlags) selectorOf(names []string) (inventory.Selector, error) {
	// A flag that is there and empty is a variable that is not set, in a script
	// that meant one cluster: it must not mean all of them.
	for flag, value := range map[string]string{"clusters": strings.Join(f.clusters, ","), "cluster-selector": f.selector, "context": *f.config.Context, "inventory": strings.Join(f.inventory, ",")} {
		if f.flags.Changed(flag) && value == "" {
			return inventory.Selector{}, fmt.Errorf("--%s is empty: leave it away to mean every cluster", flag)
		}
	}
	if *f.config.Context != "" {
		if len(names) > 0 {
			return inventory.Selector{}, errors.New("--context means one cluster; it cannot be combined with names of clusters")
		}
		for _, other := range []string{"clusters", "cluster-selector", "fleet"} {
			if f.flags.Changed(other) {
				return inventory.Selector{}, fmt.Errorf("--context means one cluster; it cannot be combined with --%s", other)
			}
		}
	}
	include, exclude, err := inventory.ParseNames(slices.Concat(f.clusters, names))
	if err != nil {
		return inventory.Selector{}, err
	}
	selector := inventory.Selector{Names: include, Exclude: exclude}
	if f.selector != "" {
		if selector.Labels, err = labels.Parse(f.selector); err != nil {
			return selector, fmt.Errorf("--cluster-selector: %w", err)
		}
	}
	return selector, nil
}

// fanout reads the flags that bound the work.
func (f *ClusterFlags) fanout() (fanout.Options, error) {
	if f.timeout <= 0 {
		return fanout.Options{}, fmt.Errorf("--cluster-timeout must be more than 0, is %s", f.timeout)
	}
	if f.concurrency <= 0 {
		return fanout.Options{}, fmt.Errorf("--concurrency must be at least 1, is %d", f.concurrency)
	}
	return fanout.Options{Concurrency: f.concurrency}, nil
}

// members returns the pool that a command talks to its clusters through.
func (f *ClusterFlags) members(shared bool, warn func(inventory.Cluster, string)) *member.Pool {
	return member.NewPool(member.Options{
		Timeout:   f.timeout,
		CacheDir:  *f.config.CacheDir,
		UserAgent: f.env.userAgent(),
		Shared:    shared,
		Warn:      warn,
	})
}

// Narrowed is true if flags mean some of the clusters that are listed.
func (f *ClusterFlags) Narrowed() bool {
	return f.flags.Changed("clusters") || f.flags.Changed("cluster-selector") || f.flags.Changed("context")
}

// Chosen is an error of usage unless something says which clusters are meant: a
// command that changes clusters must not mean all of them because nobody said
// otherwise.
func (f *ClusterFlags) Chosen() error {
	for _, flag := range []string{"clusters", "cluster-selector", "context", fleetFlag} {
		if f.flags.Changed(flag) && (flag != fleetFlag || f.fleet != "") {
			return nil
		}
	}
	if !f.flags.Changed(fleetFlag) {
		file, _, err := inventory.ReadFleetFile(f.env.FleetFile())
		if err != nil {
			return UsageError(err)
		}
		if f.env.defaultFleet(file) != "" {
			return nil
		}
	}
	return &Error{
		Code: ExitUsage, Err: errors.New("which clusters? what changes clusters needs to be told"),
		Hint: "-C a,b,'prod-*', --cluster-selector env=prod, or --fleet NAME; -C '*' means all",
	}
}
