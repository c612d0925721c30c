package fleetscale_test

import (
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
	"github.com/kubectl-fleet/kubectl-fleet/test/rights"
)

var update = flag.Bool("update", false, "write the table of rbac anew")

// sometimes are rules that a run needs only at times: a lock is renewed after a while,
// the first run of a cluster makes its journal, and who has fewer pods than before is
// asked how many it wants. The nodes of set may be empty, and pdb may be done with what
// it has listed.
func sometimes(command string) string {
	rules := map[string][]string{
		"abort":  {"state update leases.coordination.k8s.io"},
		"down":   {"state update leases.coordination.k8s.io"},
		"pdb":    {"cluster watch poddisruptionbudgets.policy", "cluster watch pods"},
		"resume": {"state update leases.coordination.k8s.io"},
		"set":    {"state update leases.coordination.k8s.io", "state create secrets", "cluster create pods/eviction"},
		"up":     {"state update leases.coordination.k8s.io", "state create secrets"},
	}[command]
	if slices.Contains([]string{"down", "resume", "set"}, command) {
		rules = append(rules, "cluster get deployments.apps", "cluster get replicasets.apps", "cluster get replicationcontrollers", "cluster get statefulsets.apps")
	}
	var table strings.Builder
	for _, rule := range rules {
		table.WriteString(command + " " + rule + "\n")
	}
	return table.String()
}

// Every command works with exactly the roles that rbac prints for it, and needs all of
// them.
func TestRights(t *testing.T) {
	t.Parallel()
	e := newEstate(t, "c1", 6)
	e.Workload(t, "web", 3, estates.AtLeast(2))
	e.maintenances(t) // where there is such a type, it is asked for
	b := rights.NewBench(t, rights.Bench{
		Fleet: e.Fleet, Plugin: "kubectl-fleetscale", Env: killer.Env(), Clusters: []string{e.Cluster}, State: e.Name + "-state",
		Table: "../../../pkg/rights/kubectl-fleetscale.txt", Update: *update,
	})
	here := func(args ...string) []string { return append(args, "-C", e.Cluster, "--state-namespace", b.State) }
	pool := func(args ...string) []string {
		return append(args, "--pool", e.Name, "--min-age", "0", "--settle", "200ms", "--reserve=false")
	}
	// whole makes the pool what it was, whatever a run that lacks a right has come to.
	whole := func(t *testing.T) {
		t.Helper()
		secrets, leases := e.Client.CoreV1().Secrets(b.State), e.Client.CoordinationV1().Leases(b.State)
		for _, err := range []error{
			secrets.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}),
			leases.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		there := e.Nodes(t)
		for i := range 6 {
			if _, is := there[e.Node(i)]; !is {
				e.Add(t, i)
			}
			if _, err := e.Client.CoreV1().Nodes().Patch(t.Context(), e.Node(i), types.MergePatchType, []byte(`{"spec": {"unschedulable": null}}`), metav1.PatchOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		e.Counted(t, "web")
	}
	down := func() []string { return gone(pool(here("down", "--nodes", e.Busy(t, "web"))...)) }
	// paused is a run that was interrupted while a budget said no, and can go on.
	paused := func(t *testing.T) {
		t.Helper()
		e.Stall(t, "web")
		e.interrupt(t, "budget "+e.Name+"/web", down()...).want(t, 130)
		e.Unstall(t, "web")
	}
	// halfway is paused, in a pool that has all of its nodes.
	halfway := func(t *testing.T) {
		t.Helper()
		whole(t)
		paused(t)
	}
	// kept is a run that has emptied a node, and left it.
	kept := func(t *testing.T) {
		t.Helper()
		e.run(t, pool(here("down", "--keep-nodes", "--nodes", e.Busy(t, "web"), "--yes")...)...).want(t, 0)
	}
	program := estates.NewProgram(t, "")
	// coming is a node that comes when it is asked for, and is not there yet.
	coming := func(t *testing.T) {
		t.Helper()
		whole(t)
		err := e.Client.CoreV1().Nodes().Delete(t.Context(), e.Node(6), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		told := program.Times(t, "add")
		go func() { // when the program was told to add a node
			for ctx := t.Context(); ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
				if program.Times(t, "add") > told {
					e.Add(t, 6)
					return
				}
			}
		}()
	}
	// pdb has listed all that it shows, whether it may watch or not.
	unwatched := map[string]string{"watch pods": "", "watch poddisruptionbudgets.policy": ""}
	unmaintained := map[string]string{"list nodemaintenances.nodemaintenance.medik8s.io": "nodes in maintenance are known by their cordons alone"}
	unseen := map[string]string{"list nodemaintenances.nodemaintenance.medik8s.io": ""} // the plan has it, which --yes does not show
	for _, command := range []struct {
		name  string
		cases []rights.Case
	}{
		{"version", []rights.Case{{Args: []string{"version", "--server", "-C", e.Cluster}}}},
		{"pdb", []rights.Case{
			{Args: []string{"pdb", "-C", e.Cluster}, Whole: true, Lacking: true, Tolerates: unwatched},
			{Args: []string{"pdb", "-C", e.Cluster, "-n", e.Name}, Namespace: e.Name, Whole: true, Lacking: true, Tolerates: unwatched},
		}},
		{"plan", []rights.Case{{Args: pool("plan", "-C", e.Cluster, "--keep-nodes", "--count", "1"), Whole: true, Lacking: true, Tolerates: unmaintained}}},
		{"down", []rights.Case{
			{Args: down(), Whole: true},
			{Args: gone(pool(here("down", "--count", "1")...)), Whole: true, Before: whole, InProof: true, Tolerates: unseen},
		}},
		{"resume", []rights.Case{{Args: here("resume"), Whole: true, Before: halfway, InProof: true, Untouched: true, Tolerates: unseen}}},
		{"abort", []rights.Case{
			{Args: here("abort", "--yes"), Whole: true, Before: paused},
			{Args: here("abort", "--undo", "--yes"), Whole: true, Before: kept},
		}},
		{"set", []rights.Case{{Args: pool(here("set", "--workers", "5", "--remove-with", "hook="+program.Path, "--yes")...), Whole: true, Before: whole, InProof: true, Tolerates: unseen}}},
		{"up", []rights.Case{{Args: here("up", "--pool", e.Name, "--count", "1", "--add-with", "hook="+program.Path, "--yes"), Whole: true, Before: coming, InProof: true, Untouched: true}}},
		{"status", []rights.Case{{Args: here("status"), Whole: true, Lacking: true}}},
	} {
		t.Run(command.name, func(t *testing.T) { b.Verify(t, command.name, sometimes(command.name), command.cases...) })
	}
}
