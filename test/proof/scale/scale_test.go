// Package scale proves, on real clusters, that the commands by which nodes leave can
// be killed at any write and resumed to the same end, and that the watcher of
// promises finds builds that break them. It takes minutes: it is run by `make
// proof`, and its results are kept in docs/proof.
package scale

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetscale"
	"github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/estate/machines"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/life"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/capi"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

func TestMain(m *testing.M) { killer.Main(m, fleetscale.NewCmdFleetscale) }

const cluster = "c1"

// TestKilledAtEveryWrite kills a run before and after each of its writes, for every way
// in which nodes go. What resume leaves is what a run leaves that nobody has killed,
// and every promise is kept on the way.
func TestKilledAtEveryWrite(t *testing.T) {
	for name, world := range map[string]func(t *testing.T) life.World{
		"node": life.ByNode, "hook": byProgram(""), "clusterapi": byClusterAPI, "machinepool": byMachinePool, "kurator": byKurator, "karpenter": byKarpenter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writes, _ := life.Lead(t, world(t), 0, false)
			var killed atomic.Int32
			t.Cleanup(func() { t.Logf("a run writes %d times; %d lives, each killed once", writes, killed.Load()) })
			for at := 1; at <= writes; at++ {
				for _, after := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s-%d", map[bool]string{false: "before", true: "after"}[after], at), func(t *testing.T) {
						t.Parallel()
						if _, hit := life.Lead(t, world(t), at, after); hit {
							killed.Add(1)
						}
					})
				}
			}
		})
	}
}

// TestKilledByItsProgram kills a run while a program removes a machine: before it has
// done it, or before it says so. No machine is removed twice.
func TestKilledByItsProgram(t *testing.T) {
	for _, strike := range []string{"before 1", "after 1", "before 2", "after 2"} {
		t.Run(strike, func(t *testing.T) {
			t.Parallel()
			if _, killed := life.Lead(t, byProgram(strike)(t), 0, false); !killed {
				t.Error("nobody was killed")
			}
		})
	}
}

// byProgram is a world whose nodes go by a program.
func byProgram(strike string) func(t *testing.T) life.World {
	return func(t *testing.T) life.World {
		t.Helper()
		p := estate.NewProgram(t, strike)
		w := life.OfNodes(estate.New(t, cluster, 4), "--remove-with", "hook="+p.Path)
		w.Left = func(t *testing.T) {
			t.Helper()
			told := strings.Join(p.Told(t), "\n")
			for i, node := range w.Nodes {
				want := 0
				if i < 2 {
					want = 1
				}
				if n := strings.Count(told, `"node":"`+node+`"`); n != want {
					t.Errorf("it was told to remove %s %d times, want %d:\n%s", node, n, want, told)
				}
			}
		}
		return w
	}
}

// byClusterAPI is a world whose nodes are Machines of a MachineDeployment, with Cluster
// API's own controllers.
func byClusterAPI(t *testing.T) life.World {
	t.Helper()
	m := machines.New(t, testfleet.SharedWith(t, capi.Addon{}))
	e := estate.In(t, m.Fleet, cluster, 0)
	m.Pool(t, e.Name, cluster, 4)
	return ofMachines(t, m, e, e.Name, func(t *testing.T) int64 { t.Helper(); return m.Count(t, e.Name) })
}

// byMachinePool is one whose Machines are made by a MachinePool's provider, a stand-in.
func byMachinePool(t *testing.T) life.World {
	t.Helper()
	m := machines.New(t, testfleet.SharedWith(t, capi.Addon{}))
	e := estate.In(t, m.Fleet, cluster, 0)
	m.GroupOfMachines(t, e.Name, cluster, 4)
	return ofMachines(t, m, e, e.Name, func(t *testing.T) int64 { t.Helper(); return m.CountOf(t, machines.Group, e.Name) })
}

// byKurator is one whose Machines are counted by a stand-in for Kurator.
func byKurator(t *testing.T) life.World {
	t.Helper()
	m := machines.New(t, testfleet.SharedWith(t, capi.Addon{}))
	e := estate.In(t, m.Fleet, cluster, 0)
	k := m.Kurator(t, e.Name, 4)
	return ofMachines(t, m, e, k.Pool, func(t *testing.T) int64 { t.Helper(); return k.Asked(t) })
}

// ofMachines is a world whose nodes are the Machines of a pool, in which count says how
// many are asked for at the topmost owner.
func ofMachines(t *testing.T, m *machines.Management, e *estate.Estate, pool string, count func(t *testing.T) int64) life.World {
	t.Helper()
	w := life.World{Estate: e, Nodes: m.Join(t, e, m.Workers(t, cluster, pool))}
	slices.Reverse(w.Nodes) // without a mark the first would go
	w.Left = func(t *testing.T) {
		t.Helper()
		if n := count(t); n != 2 {
			t.Errorf("its count is %d, want 2", n)
		}
		for _, annotation := range []string{"cluster.x-k8s.io/delete-machine", "cluster.x-k8s.io/skip-remediation"} {
			if left := m.Annotated(t, pool, annotation); len(left) > 0 {
				t.Errorf("%s is left on %v", annotation, left)
			}
		}
		if left := m.Machines(t, pool); len(left) != 2 {
			t.Errorf("%d machines are left", len(left))
		}
	}
	return w
}

// byKarpenter is a world whose nodes have NodeClaims, and a stand-in for Karpenter.
func byKarpenter(t *testing.T) life.World {
	t.Helper()
	e := estate.New(t, cluster, 4)
	k := machines.NewKarpenter(t, e.Fleet.RESTConfig(t, cluster))
	k.Pool(t, e.Name, map[string]any{})
	w := life.OfNodes(e)
	for _, node := range w.Nodes {
		k.Claim(t, node, e.Name)
	}
	w.Left = func(t *testing.T) {
		t.Helper()
		if left := k.Left(t, e.Name); !slices.Equal(left, w.Nodes[2:]) {
			t.Errorf("NodeClaims %v are left, want %v", left, w.Nodes[2:])
		}
	}
	return w
}
