package capi_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/estate/machines"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
)

// Of a MachinePool without Machines no node can be removed, since its provider would
// choose which: that is refused, before anything is touched. It can be given a larger
// count.
func (e *estate) testMachinePool(t *testing.T, older *remove.ClusterAPI) {
	t.Helper()
	t.Parallel()
	const name = "group"
	e.Group(t, name, "c1", 2)
	// One whose name begins with that of the other is not taken for it.
	e.Group(t, name+"-b", "c1", 1)
	want := func(count int64, nodes ...string) {
		t.Helper()
		is := e.GroupNodes(t, "c1", name)
		if n := e.CountOf(t, machines.Group, name); n != count || !slices.Equal(namesOf(is), nodes) {
			t.Errorf("its count is %d, want %d; its nodes are %v, want %v", n, count, namesOf(is), nodes)
		}
		for _, n := range is {
			if n.Spec.Unschedulable {
				t.Errorf("node %s is cordoned", n.Name)
			}
		}
	}
	run := func(code int, says string, args ...string) {
		t.Helper()
		env := []string{"HOME=" + t.TempDir(), "KUBECONFIG=" + e.Fleet.Kubeconfig()}
		is, out, _ := (&killer.Killer{}).Run(t, 0, false, env, append(args, "-C", "c1", "--reserve=false", "--timeout", "1m", "--state-namespace", "scale-"+name, "--yes")...)
		if is != code || !strings.Contains(out, says) {
			t.Fatalf("%v: exit code %d, want %d and %q\n%s", args, is, code, says, out)
		}
	}
	const refused = "MachinePool capi/group: its machines are not Machines: only its count can be lowered"
	run(5, refused, "down", "--nodes", name+"-1", "--settle", "0s")
	run(5, refused, "set", "--pool", name, "--workers", "1", "--settle", "0s", "--min-age", "0")
	want(2, "group-0", "group-1")
	run(0, "Joined", "set", "--pool", name, "--workers", "4")
	want(4, "group-0", "group-1", "group-2", "group-3")

	// The same where there is v1beta1 alone.
	nodes := e.GroupNodes(t, "c1", name)
	wantBlocked(t, older, nodes, "NoMachines")
	var pool remove.Pool
	estates.Eventually(t, "its count may be set", func() error {
		pools, err := older.Pools(t.Context(), nodes)
		if at := slices.IndexFunc(pools, func(p remove.Pool) bool { return p.Name == name }); err == nil && at >= 0 {
			pool = pools[at]
		}
		if pool.Busy != nil {
			return errors.New(pool.Busy.Message)
		}
		return err
	})
	if pool.Owner.Kind != machines.Group || *pool.Owner.Count != 4 || !slices.Equal(pool.Nodes, namesOf(nodes)) {
		t.Fatalf("the pool is %+v", pool)
	}
	if err := older.Set(t.Context(), "run", pool, 5); err != nil {
		t.Fatal(err)
	}
	estates.Eventually(t, "five nodes", func() error {
		if n := len(e.GroupNodes(t, "c1", name)); n != 5 {
			return fmt.Errorf("there are %d", n)
		}
		return nil
	})
}
