package capi_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

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

// A MachinePool whose provider has Machines made of what it keeps: the Machine goes whose
// node was emptied, and by the MachinePool's count, so that nobody puts another in its place.
func (e *estate) testMachinePoolOfMachines(t *testing.T, older *remove.ClusterAPI) {
	t.Helper()
	t.Parallel()
	own := estates.In(t, e.Fleet, "c1", 0)
	e.GroupOfMachines(t, own.Name, "c1", 4)
	nodes := e.Workers(t, "c1", own.Name)
	e.Join(t, own, nodes)
	own.Workload(t, "web", 4, estates.AtLeast(3))
	for _, r := range []*remove.ClusterAPI{e.remover("c1"), older} {
		c := claim(t, r, nodes)
		if o := c.Owners[nodes[0].Name]; len(c.Owners) != 4 || o.Kind != machines.Group || o.Name != own.Name || *o.Count != 4 {
			t.Fatalf("claims: %+v", c)
		}
	}
	env := []string{"HOME=" + t.TempDir(), "KUBECONFIG=" + e.Fleet.Kubeconfig()}
	run := func(args ...string) {
		t.Helper()
		code, out, _ := (&killer.Killer{}).Run(t, 0, false, env, append(args, "-C", "c1", "--reserve=false", "--settle", "500ms", "--timeout", "2m", "--state-namespace", own.Name, "--yes")...)
		if code != 0 {
			t.Fatalf("%v: exit code %d\n%s", args, code, out)
		}
	}
	left := func(count int64, want []*corev1.Node) {
		t.Helper()
		is := e.Workers(t, "c1", own.Name)
		if n := e.CountOf(t, machines.Group, own.Name); n != count || !maps.Equal(uids(is), uids(want)) {
			t.Errorf("its count is %d, want %d; its nodes are %v, want %v", n, count, namesOf(is), namesOf(want))
		}
		if marked := e.Annotated(t, own.Name, deleteMark); len(marked) > 0 || len(e.Machines(t, own.Name)) != len(want) {
			t.Errorf("it has %d machines, and %v are marked", len(e.Machines(t, own.Name)), marked)
		}
	}
	watcher := own.Watch(t, map[string]int{"web": 3})
	run("down", "--nodes", nodes[1].Name+","+nodes[0].Name) // without marks the last would go
	left(2, nodes[2:])
	watcher.Kept(t)
	run("set", "--pool", own.Name, "--workers", "3")
	estates.Eventually(t, "it has 3 machines", func() error {
		if n := len(e.Workers(t, "c1", own.Name)); n != 3 {
			return fmt.Errorf("it has %d nodes", n)
		}
		return nil
	})
}
