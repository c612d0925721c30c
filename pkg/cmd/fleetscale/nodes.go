package fleetscale

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/candidate"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/mark"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
)

// nodeFlags say which nodes leave, and how.
type nodeFlags struct {
	count    int
	nodes    []string
	selector string
	pool     string
	by       string
	minAge   time.Duration
	parallel int
	tight    bool
	reserve  bool

	keep     bool
	force    bool
	emptyDir bool
	pods     string
	grace    int64
	timeout  time.Duration
	settle   time.Duration

	remover    string
	management string
	autoscaler bool
	stopped    bool
	away       time.Duration
}

func (f *nodeFlags) addFlags(flags *pflag.FlagSet) {
	flags.IntVar(&f.count, "count", 0, "How many nodes leave, over all selected clusters together")
	flags.StringSliceVar(&f.nodes, "nodes", nil, "The nodes that leave, by name")
	flags.StringVarP(&f.selector, "selector", "l", "", "Only nodes with these labels")
	flags.StringVar(&f.pool, "pool", "", "Only nodes of this pool")
	flags.BoolVar(&f.keep, "keep-nodes", false, "Empty the nodes, and keep them: cordoned, as kubectl drain leaves them")
	f.addLeaving(flags)
}

// addLeaving adds what is said of nodes that leave, whichever they are.
func (f *nodeFlags) addLeaving(flags *pflag.FlagSet) {
	flags.StringVar(&f.by, "by", string(candidate.ByUtilization), "Which nodes come first: "+strings.Join(candidate.Bys(), ", "))
	flags.DurationVar(&f.minAge, "min-age", 10*time.Minute, "Nodes that are younger stay, unless they are named")
	flags.IntVar(&f.parallel, "parallel", 25, "How many nodes of a cluster are emptied at once")
	flags.BoolVar(&f.tight, "tight", false, "Take nodes, too, whose pods have places in some orders only")
	flags.BoolVar(&f.reserve, "reserve", true, "Keep room for the pods of one more node")
	flags.BoolVar(&f.force, "force", false, "Move pods without a controller, too: nobody makes them anew")
	flags.BoolVar(&f.emptyDir, "delete-emptydir-data", false, "Move pods with emptyDir volumes, too: what is in them is lost")
	flags.StringVar(&f.pods, "pod-selector", "", "Move only pods with these labels; the others go with their node")
	flags.Int64Var(&f.grace, "grace-period", -1, "Seconds that every pod has to end; less than 0: its own")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Minute, "How long the nodes of a wave may take to become empty, and again to pass the gate, and again to be removed")
	flags.DurationVar(&f.settle, "settle", 5*time.Second, "How long a scheduler may not have seen that a node leaves: before that none counts as empty")
	flags.StringVar(&f.remover, "remove-with", autoRemover, "How nodes are removed: auto, by who keeps them (Cluster API, Kurator, Karpenter); node, the Node object alone; or hook=PROGRAM, see docs/scaling-hooks.md")
	f.addOwners(flags)
	flags.BoolVar(&f.stopped, "i-stopped-the-kubelet", false, "With --remove-with node: no kubelet runs on the nodes, or none will when they are empty")
	flags.DurationVar(&f.away, "node-gone-for", time.Minute, "With --remove-with node: how long a node must stay away to be gone")
}

// addOwners adds what is said of who keeps nodes.
func (f *nodeFlags) addOwners(flags *pflag.FlagSet) {
	flags.StringVar(&f.management, "management", "", "The cluster that has the Machines of Cluster API, by name; by default each cluster has its own")
	flags.BoolVar(&f.autoscaler, "allow-autoscaler", false, "Change the count of pools, too, that an autoscaler has limits for")
}

const (
	// autoRemover asks every way of removing nodes whether they are its own.
	autoRemover = "auto"
	// hookPrefix is before the path of a program of the user's.
	hookPrefix = "hook="
)

// request reads the flags.
func (f *nodeFlags) request() (scale.Request, error) {
	r := scale.Request{
		Count: f.count, KeepNodes: f.keep, Parallel: f.parallel, Tight: f.tight, Reserve: f.reserve,
		Policy: candidate.Policy{Names: f.nodes, Pool: f.pool, By: candidate.By(f.by), MinAge: f.minAge, Now: time.Now(), Ours: mark.Annotation},
	}
	switch {
	case len(f.nodes) > 0 && f.count > 0:
		return r, errors.New("--nodes and --count are two ways to say which: choose one")
	case f.count < 0:
		return r, fmt.Errorf("--count cannot be less than 0, is %d", f.count)
	case !slices.Contains(candidate.Bys(), f.by):
		return r, fmt.Errorf("--by is %q: want %s", f.by, strings.Join(candidate.Bys(), ", "))
	case f.parallel < 1:
		return r, fmt.Errorf("--parallel must be 1 or more, is %d", f.parallel)
	case f.timeout <= 0:
		return r, fmt.Errorf("--timeout must be more than 0, is %s", f.timeout)
	case f.settle < 0:
		return r, fmt.Errorf("--settle cannot be less than 0, is %s", f.settle)
	case slices.Contains(f.nodes, ""):
		return r, errors.New("--nodes has an empty name")
	}
	var err error
	if f.selector != "" {
		if r.Policy.Selector, err = labels.Parse(f.selector); err != nil {
			return r, fmt.Errorf("--selector: %w", err)
		}
	}
	if r.Policy.Pods, err = scale.RulesOf(f.options()); err != nil {
		return r, fmt.Errorf("--pod-selector: %w", err)
	}
	return r, validRemover(f.remover)
}

// named is an error unless it is said how many nodes leave, or which.
func (f *nodeFlags) named() error {
	if f.count == 0 && len(f.nodes) == 0 {
		return errors.New("how many nodes leave? --count N, or --nodes A,B")
	}
	return nil
}

// options are those that a journal keeps.
func (f *nodeFlags) options() journal.Options {
	o := journal.Options{
		KeepNodes: f.keep, Force: f.force, DeleteEmptyDirData: f.emptyDir, PodSelector: f.pods, Timeout: f.timeout.String(), Settle: f.settle.String(), Tight: f.tight, Parallel: f.parallel,
		Remover: f.remover, Management: f.management, Autoscaler: f.autoscaler, StoppedKubelet: f.stopped, Away: f.away.String(),
	}
	if f.grace >= 0 {
		o.Grace = &f.grace
	}
	return o
}

// settings are how a run goes.
func (f *nodeFlags) settings(env *cli.Env, namespace string) scale.Settings {
	options := f.options()
	return scale.Settings{StateNamespace: namespace, By: env.Who(), Grace: options.Grace, Timeout: f.timeout, Settle: f.settle, Journal: options}
}

// validRemover is an error unless it is a way in which nodes go.
func validRemover(remover string) error {
	if program, is := strings.CutPrefix(remover, hookPrefix); remover == autoRemover || remover == remove.NodeName || is && program != "" {
		return nil
	}
	return fmt.Errorf("--remove-with is %q: want %s, %s or %sPROGRAM", remover, autoRemover, remove.NodeName, hookPrefix)
}

// removersOf are the ways in which nodes go.
func removersOf(ctx context.Context, clusters *cli.ClusterFlags, o journal.Options) (scale.Removers, error) {
	away, err := time.ParseDuration(o.Away)
	if err != nil {
		return nil, err
	}
	timeout, err := time.ParseDuration(o.Timeout)
	if err != nil {
		return nil, err
	}
	if program, is := strings.CutPrefix(o.Remover, hookPrefix); is {
		return func(m *member.Member) []remove.Remover {
			return []remove.Remover{&remove.Hook{Member: m, Program: remove.Program{
				Path: program, Context: cmp.Or(m.Cluster().Context, m.Cluster().Name), Env: os.Environ(), Timeout: timeout, //nolint:forbidigo // the program is the user's, and so is what it inherits
			}}}
		}, nil
	}
	if o.Remover == remove.NodeName {
		return func(m *member.Member) []remove.Remover {
			return []remove.Remover{&remove.ByNode{Member: m, Stopped: o.StoppedKubelet, Away: away}}
		}, nil
	}
	var management *member.Member
	if o.Management != "" {
		if management, err = clusters.Named(ctx, o.Management); err != nil {
			return nil, err
		}
	}
	return func(m *member.Member) []remove.Remover {
		keeper := management
		if keeper == nil {
			keeper = m
		}
		return []remove.Remover{
			&remove.ClusterAPI{Member: m, Management: keeper, Kurator: true, Autoscaler: o.Autoscaler, Patience: machinePatience},
			&remove.ClusterAPI{Member: m, Management: keeper, Autoscaler: o.Autoscaler, Patience: machinePatience},
			&remove.Karpenter{Member: m},
		}
	}, nil
}

// machinePatience is how long controllers may take to begin to delete the Machines
// that they were told of.
const machinePatience = time.Minute

// requestOf is how a run goes on that was begun with these options.
func requestOf(ctx context.Context, clusters *cli.ClusterFlags) func(journal.Options) (scale.Request, error) {
	return func(o journal.Options) (scale.Request, error) {
		r := scale.Request{KeepNodes: o.KeepNodes, Parallel: o.Parallel, Tight: o.Tight, Policy: candidate.Policy{By: candidate.ByUtilization}}
		var err error
		if r.Policy.Pods, err = scale.RulesOf(o); err != nil {
			return r, err
		}
		r.Removers, err = removersOf(ctx, clusters, o)
		return r, err
	}
}

// orderFlags say how a run goes from cluster to cluster.
type orderFlags struct{ order scale.Order }

func (f *orderFlags) addFlags(flags *pflag.FlagSet) {
	flags.IntVar(&f.order.Clusters, "max-clusters", 2, "How many clusters are at work at once, after the first, which is alone")
	flags.IntVar(&f.order.Failures, "max-failures", 1, "After so many clusters have failed no other begins, nor after one removal that went wrong")
}

func (f *orderFlags) parse() (scale.Order, error) {
	if f.order.Clusters < 1 || f.order.Failures < 1 {
		return f.order, cli.UsageError(errors.New("--max-clusters and --max-failures must be 1 or more"))
	}
	return f.order, nil
}
