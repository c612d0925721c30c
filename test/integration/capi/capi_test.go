// Package capi_test removes nodes by the real controllers of Cluster API: the machine
// that goes is the one that was asked for.
package capi_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetscale"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	estates "github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/proof/killer"
)

// deleteMark is the annotation of the Machine that is to go first.
const deleteMark = "cluster.x-k8s.io/delete-machine"

func TestMain(m *testing.M) { killer.Main(m, fleetscale.NewCmdFleetscale) }

func TestClusterAPI(t *testing.T) {
	e := newEstate(t)
	t.Run("unforeseen", e.testUnforeseen)
	// Side by side, since all of them mostly wait for controllers.
	older := e.older(t)
	for version, r := range map[string]*remove.ClusterAPI{"": e.remover("c1"), "v1beta1-": older} {
		t.Run(version+"exact", func(t *testing.T) { e.testExact(t, r, version+"exact") })
		t.Run(version+"rollout", func(t *testing.T) { e.testRollout(t, r, version+"rollout") })
		t.Run(version+"topology", func(t *testing.T) { e.testTopology(t, r, version+"topology") })
	}
	t.Run("machine pool", func(t *testing.T) { e.testMachinePool(t, older) })
	t.Run("machine pool of machines", func(t *testing.T) { e.testMachinePoolOfMachines(t, older) })
	t.Run("guarded", e.testGuarded)
	t.Run("elsewhere", e.testElsewhere)
	t.Run("marked", e.testMarked)
	t.Run("changed", e.testChanged)
	t.Run("held", e.testHeld)
	t.Run("kurator", e.testKurator)
	t.Run("custom cluster", e.testCustomCluster)
	t.Run("karpenter", e.testKarpenter)
	t.Run("grow", e.testGrow)
}

// Of five machines the last by name goes, which without a mark would be the last to
// go, and once, however often it is said.
func (e *estate) testExact(t *testing.T, r *remove.ClusterAPI, pool string) {
	t.Helper()
	t.Parallel()
	e.Pool(t, pool, "c1", 5)
	nodes := e.Workers(t, "c1", pool)
	c := claim(t, r, nodes)
	if len(c.Owners) != 5 || len(c.Blocked) != 0 {
		t.Fatalf("claims: %+v", c)
	}
	if o := c.Owners[nodes[0].Name]; o.Kind != "MachineDeployment" || o.Name != pool || o.Count == nil || *o.Count != 5 || o.Remover != remove.ClusterAPIName {
		t.Fatalf("owner: %+v", o)
	}
	step := begin(t, r, nodes[4])
	journal := again(t, step)
	if step.From != 5 || step.To != 4 || e.Count(t, pool) != 5 {
		t.Fatalf("step: %+v", step)
	}
	e.testGuard(t, r, nodes[4])
	if err := r.Remove(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	// As after a crash between the count and the journal.
	if err := r.Remove(t.Context(), journal); err != nil {
		t.Fatal(err)
	}
	e.confirm(t, r, step)
	if err := r.Remove(t.Context(), journal); err != nil {
		t.Fatal(err)
	}
	want := uids(nodes[:4])
	if left := uids(e.Workers(t, "c1", pool)); !maps.Equal(left, want) || e.Count(t, pool) != 4 {
		t.Errorf("left are %v with a count of %d, want %v", left, e.Count(t, pool), want)
	}
}

// testGuard: MachineHealthChecks are kept from a Machine by one run, until that takes
// it back.
func (e *estate) testGuard(t *testing.T, r *remove.ClusterAPI, n *corev1.Node) {
	t.Helper()
	nodes := []remove.Node{{Name: n.Name, UID: n.UID}}
	for _, step := range []struct {
		do   func(context.Context, string, []remove.Node) error
		run  string
		want string
	}{
		{r.Guard, "one", "kubectl-fleet/one"}, {r.Guard, "two", "kubectl-fleet/one"}, {r.Unguard, "two", "kubectl-fleet/one"}, {r.Unguard, "one", ""},
	} {
		if err := step.do(t.Context(), step.run, nodes); err != nil {
			t.Fatal(err)
		}
		m, err := e.Of("machines").Get(t.Context(), n.Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if is := m.GetAnnotations()["cluster.x-k8s.io/skip-remediation"]; is != step.want {
			t.Errorf("guarded by %q, want %q", is, step.want)
		}
	}
}

// Machines whose nodes are in another cluster, two at once.
func (e *estate) testElsewhere(t *testing.T) {
	t.Parallel()
	e.Pool(t, "elsewhere", "c2", 3)
	nodes := e.Workers(t, "c2", "elsewhere")
	wantBlocked(t, &remove.ClusterAPI{Member: e.members["c2"], Management: e.members["c2"]}, nodes, "NoManagement")
	r := e.remover("c2")
	step := begin(t, r, nodes[2], nodes[1])
	if err := r.Remove(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	e.confirm(t, r, step)
	if left := uids(e.Workers(t, "c2", "elsewhere")); !maps.Equal(left, uids(nodes[:1])) {
		t.Errorf("left: %v", left)
	}
}

// A mark that somebody left on another Machine would make that go.
func (e *estate) testMarked(t *testing.T) {
	t.Parallel()
	e.Pool(t, "marked", "c1", 2)
	r := e.remover("c1")
	nodes := e.Workers(t, "c1", "marked")
	step := begin(t, r, nodes[1])
	mark := func(value string) {
		e.Patch(t, "machines", nodes[0].Name, `{"metadata": {"annotations": {"cluster.x-k8s.io/delete-machine": `+value+`}}}`)
	}
	mark(`"true"`)
	wantBlocked(t, r, nodes, "ForeignMark")
	var refused *remove.ChangedError
	if err := r.Remove(t.Context(), step); !errors.As(err, &refused) {
		t.Errorf("remove: %v, want it refused", err)
	}
	if left := e.Annotated(t, "marked", deleteMark); e.Count(t, "marked") != 2 || !slices.Equal(left, []string{nodes[0].Name}) {
		t.Errorf("a count of %d, and marks on %v", e.Count(t, "marked"), left)
	}
	mark("null")
	if c := claim(t, r, nodes); len(c.Owners) != 2 {
		t.Errorf("without the mark: %+v", c)
	}
}

// A count that somebody else has changed is not changed.
func (e *estate) testChanged(t *testing.T) {
	t.Parallel()
	e.Pool(t, "changed", "c1", 2)
	r := e.remover("c1")
	nodes := e.Workers(t, "c1", "changed")
	step := begin(t, r, nodes[0])
	e.Patch(t, "machinedeployments", "changed", `{"spec": {"replicas": 3}}`)
	estates.Eventually(t, "three nodes", func() error { return e.Quiet(t, "changed", "c1", 3) })
	var refused *remove.ChangedError
	if err := r.Remove(t.Context(), step); !errors.As(err, &refused) {
		t.Errorf("remove: %v, want it refused", err)
	}
	// Nor one that is as it should be, by somebody else's doing.
	step.From, step.To = 4, 3
	if err := r.Remove(t.Context(), step); !errors.As(err, &refused) {
		t.Errorf("remove: %v, want it refused", err)
	}
	if left := e.Annotated(t, "changed", deleteMark); e.Count(t, "changed") != 3 || len(left) != 0 || len(e.Workers(t, "c1", "changed")) != 3 {
		t.Errorf("a count of %d, and marks on %v", e.Count(t, "changed"), left)
	}
}

// During a rollout the controllers choose among the old machines first.
func (e *estate) testRollout(t *testing.T, r *remove.ClusterAPI, pool string) {
	t.Helper()
	t.Parallel()
	e.Pool(t, pool, "c1", 2)
	nodes := e.Workers(t, "c1", pool)
	step := begin(t, r, nodes[0])
	hook := func(value string) {
		for _, n := range nodes {
			e.Patch(t, "machines", n.Name, `{"metadata": {"annotations": {"pre-drain.delete.hook.machine.cluster.x-k8s.io/test": `+value+`}}}`)
		}
	}
	hook(`"wait"`) // so that it lasts
	e.Patch(t, "machinedeployments", pool, `{"spec": {"template": {"spec": {"version": "v1.36.4"}}}}`)
	wantBlocked(t, r, nodes, "Rollout")
	var refused *remove.ChangedError
	if err := r.Remove(t.Context(), step); !errors.As(err, &refused) {
		t.Errorf("remove: %v, want it refused", err)
	}
	if left := e.Annotated(t, pool, deleteMark); e.Count(t, pool) != 2 || len(left) != 0 {
		t.Errorf("a count of %d, and marks on %v", e.Count(t, pool), left)
	}
	hook("null")
	estates.Eventually(t, "two new nodes", func() error { return e.Quiet(t, pool, "c1", 2) })
}

// What is paused, or has limits of an autoscaler.
func (e *estate) testHeld(t *testing.T) {
	t.Parallel()
	e.Pool(t, "held", "c1", 2)
	r := e.remover("c1")
	nodes := e.Workers(t, "c1", "held")
	e.Patch(t, "machinedeployments", "held", `{"metadata": {"annotations": {"cluster.x-k8s.io/paused": ""}}}`)
	wantBlocked(t, r, nodes, "Paused")
	e.Patch(t, "machinedeployments", "held", `{"metadata": {"annotations": {
		"cluster.x-k8s.io/paused": null,
		"cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size": "1",
		"cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size": "5"}}}`)
	wantBlocked(t, r, nodes, "Autoscaler")
	r.Autoscaler = true
	c := claim(t, r, nodes)
	if owner := c.Owners[nodes[0].Name]; len(c.Owners) != 2 || c.Spare[owner.UID] != 1 {
		t.Errorf("claims: %+v", c)
	}
	var refused *remove.ChangedError
	if _, err := r.Begin(t.Context(), []remove.Node{{Name: nodes[0].Name, UID: nodes[0].UID}, {Name: nodes[1].Name, UID: nodes[1].UID}}); !errors.As(err, &refused) {
		t.Errorf("below the minimum: %v, want it refused", err)
	}
}
