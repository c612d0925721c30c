package capi_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/journal"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	"github.com/kubectl-fleet/kubectl-fleet/test/estate/machines"
)

// silent is an observer to whom nothing matters.
type silent struct{ scale.Observer }

func (silent) Grows(string, string, int64, int64) {}
func (silent) Gate(string, string)                {}
func (silent) Ended(string, journal.Node)         {}

// A MachineDeployment and a MachineSet, in a cluster whose machines are kept elsewhere,
// get two more, once, and their new nodes are known by their machines.
func (e *estate) testGrow(t *testing.T) {
	t.Parallel()
	const cluster = "c2"
	for _, kind := range []string{machines.Deployment, machines.Set} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			name := "grow-" + strings.ToLower(kind)
			e.PoolOf(t, kind, name, cluster, 1)
			e.grows(t, kind, name, cluster)
		})
	}
}

func (e *estate) grows(t *testing.T, kind, name, cluster string) {
	t.Helper()
	before := e.grower(t, cluster, name)
	old := e.Workers(t, cluster, name)
	if !slices.Equal(before.Nodes, namesOf(old)) || *before.Owner.Count != 1 || before.Owner.Kind != kind {
		t.Fatalf("the pool is %+v, with %v", before, before.Nodes)
	}

	config := e.Fleet.RESTConfig(t, cluster)
	fleet := scale.Fleet{Clusters: []inventory.Cluster{{Name: cluster, Server: config.Host, Access: access{config}}}, Members: member.NewPool(member.Options{})}
	removers := func(*member.Member) []remove.Remover { return []remove.Remover{e.remover(cluster)} }
	settings := scale.Settings{StateNamespace: name, By: "test", Timeout: patience, Journal: journal.Options{Timeout: patience.String(), Settle: time.Duration(0).String()}}
	results := scale.Up(t.Context(), fleet, map[string]journal.Growth{cluster: {Pool: before, To: 3}}, removers, settings, scale.Order{Clusters: 1, Failures: 1}, silent{})
	if err := results[0].Err; err != nil {
		t.Fatal(err)
	}
	var joined []string
	for _, n := range results[0].Value.Journal.Nodes {
		joined = append(joined, n.Name)
	}
	after := e.Workers(t, cluster, name)
	for _, n := range after {
		if isNew := !slices.Contains(namesOf(old), n.Name); isNew != slices.Contains(joined, n.Name) {
			t.Errorf("node %s: new is %t, and joined were %v", n.Name, isNew, joined)
		}
	}
	if len(after) != 3 {
		t.Errorf("there are nodes %v", namesOf(after))
	}

	// What was done before is not done again, and not on top of what others did.
	grower := e.remover(cluster)
	if err := grower.Set(t.Context(), "again", before, 3); err != nil {
		t.Error(err)
	}
	err := grower.Set(t.Context(), "other", before, 4)
	if _, changed := errors.AsType[*remove.ChangedError](err); !changed {
		t.Errorf("its count was 1, and is 3: %v", err)
	}
	if n := e.CountOf(t, kind, name); n != 3 {
		t.Errorf("its count is %d", n)
	}
}

// grower finds a pool as users name it.
func (e *estate) grower(t *testing.T, cluster, name string) remove.Pool {
	t.Helper()
	list, err := e.Nodes[cluster].CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var nodes []*corev1.Node
	for i := range list.Items {
		nodes = append(nodes, &list.Items[i])
	}
	pools, err := e.remover(cluster).Pools(t.Context(), nodes)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(pools, func(p remove.Pool) bool { return p.Name == name })
	if at < 0 {
		t.Fatalf("there is no pool %s in %v", name, pools)
	}
	return pools[at]
}

func namesOf(nodes []*corev1.Node) []string {
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
