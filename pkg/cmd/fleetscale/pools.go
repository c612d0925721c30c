package fleetscale

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/fanout"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/printers"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
)

// resizing is a pool of one cluster that gets another count.
type resizing struct {
	cluster inventory.Cluster
	pool    remove.Pool
	to      int64
}

func (r resizing) from() int64 { return *r.pool.Owner.Count }

// plan is it as data.
func (r resizing) plan() *v1alpha1.PoolPlan {
	return &v1alpha1.PoolPlan{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.PoolPlanKind},
		ObjectMeta: metav1.ObjectMeta{Name: r.cluster.Name, Annotations: map[string]string{v1alpha1.ClusterAnnotation: r.cluster.Name}},
		PoolGrowth: v1alpha1.PoolGrowth{Pool: r.pool.Name, From: r.from(), To: r.to}, Owner: r.pool.Owner, Min: r.pool.Min, Max: r.pool.Max,
	}
}

// check is why the pool cannot get the count.
func (r resizing) check() error {
	where := fmt.Sprintf("pool %s of %s", r.pool.Name, r.cluster.Name)
	switch b := r.pool.Busy; {
	case b != nil:
		return fmt.Errorf("%s: %s: %s", where, b.Message, b.Fix)
	case r.pool.Max != nil && r.to > *r.pool.Max:
		return fmt.Errorf("%s: %d is more than its autoscaler's maximum of %d", where, r.to, *r.pool.Max)
	case r.pool.Min != nil && r.to < *r.pool.Min:
		return fmt.Errorf("%s: %d is less than its autoscaler's minimum of %d", where, r.to, *r.pool.Min)
	}
	return nil
}

// found are the pools of a name in the clusters that have one. In the others,
// without, it says which there are.
func found(results fanout.Results[scale.ClusterPools], name string) (with []resizing, without []error, err error) {
	for _, r := range results {
		var named []remove.Pool
		others := map[string]bool{}
		for _, p := range r.Value.Pools {
			others[p.Name] = true
			if p.Name == name {
				named = append(named, p)
			}
		}
		switch {
		case len(named) > 1:
			var owners []string
			for _, p := range named {
				owners = append(owners, p.Owner.Kind+" "+p.Owner.Namespace+"/"+p.Owner.Name)
			}
			return nil, nil, fmt.Errorf("%s has several pools %q: %s", r.Cluster.Name, name, strings.Join(owners, ", "))
		case len(named) == 1:
			with = append(with, resizing{cluster: r.Cluster, pool: named[0]})
		case len(others) == 0:
			without = append(without, fmt.Errorf("%s has no pool whose count can be set: Cluster API, Kurator or a program must keep its nodes; --management names the cluster that has its Machines", r.Cluster.Name))
		default:
			var names []string
			for other := range others {
				names = append(names, other)
			}
			slices.Sort(names)
			without = append(without, fmt.Errorf("%s has no pool %q: it has %s", r.Cluster.Name, name, strings.Join(names, ", ")))
		}
	}
	return with, without, nil
}

// refusedPools is for pools that cannot get their counts.
func refusedPools(problems []error) error {
	if len(problems) == 0 {
		return nil
	}
	return &cli.Error{Code: cli.ExitRefused, Err: fmt.Errorf("%w\nnothing was changed", errors.Join(problems...))}
}

// showPools shows what pools get.
func showPools(w io.Writer, all []resizing, options printers.TableOptions) error {
	if len(all) == 0 {
		return nil
	}
	table := &metav1.Table{ColumnDefinitions: printers.Columns("Cluster", "Pool", "Kept by", "Nodes", "Then", "Limits")}
	for _, r := range all {
		table.Rows = append(table.Rows, metav1.TableRow{Cells: []any{
			r.cluster.Name, r.pool.Name, r.pool.Owner.Kind + " " + strings.TrimPrefix(r.pool.Owner.Namespace+"/"+r.pool.Owner.Name, "/"), r.from(), r.to, limits(r.pool),
		}})
	}
	return printers.Table(w, table, options)
}

func limits(p remove.Pool) string {
	if p.Min == nil && p.Max == nil {
		return printers.None
	}
	bound := func(n *int64) string {
		if n == nil {
			return ""
		}
		return fmt.Sprint(*n)
	}
	return cmp.Or(bound(p.Min), "0") + ".." + bound(p.Max)
}

// growing are those that get more nodes, by cluster.
func growing(all []resizing) map[string]journal.Growth {
	growths := map[string]journal.Growth{}
	for _, r := range all {
		if r.to > r.from() {
			growths[r.cluster.Name] = journal.Growth{Pool: r.pool, To: r.to}
		}
	}
	return growths
}
