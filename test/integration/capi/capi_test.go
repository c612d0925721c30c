// Package capi_test removes nodes by the real controllers of Cluster API: the machine
// that goes is the one that was asked for.
package capi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/inventory"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/remove"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/capi"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

func TestMain(m *testing.M) { testfleet.Main(m) }

// patience ends a wait for controllers. It is no measure of speed.
const patience = 3 * time.Minute

// access is a cluster that is reached as its administrator.
type access struct{ config *rest.Config }

func (a access) RESTConfig(context.Context) (*rest.Config, error) { return a.config, nil }

// estate is a bed with Cluster API in its first cluster.
type estate struct {
	fleet   *testfleet.Fleet
	members map[string]*member.Member
	nodes   map[string]kubernetes.Interface
	objects dynamic.Interface
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{fleet: testfleet.With(t, capi.Addon{}), members: map[string]*member.Member{}, nodes: map[string]kubernetes.Interface{}}
	pool := member.NewPool(member.Options{})
	for _, name := range e.fleet.Clusters() {
		config := e.fleet.RESTConfig(t, name)
		m, err := pool.Member(t.Context(), inventory.Cluster{Name: name, Server: config.Host, Access: access{config}})
		if err != nil {
			t.Fatal(err)
		}
		e.members[name], e.nodes[name] = m, kubernetes.NewForConfigOrDie(config)
	}
	e.objects = dynamic.NewForConfigOrDie(e.fleet.RESTConfig(t, "c1"))
	return e
}

// remover removes nodes of a cluster whose machines are kept in c1.
func (e *estate) remover(cluster string) *remove.ClusterAPI {
	return &remove.ClusterAPI{Member: e.members[cluster], Management: e.members["c1"], Patience: patience}
}

func (e *estate) of(resource string) dynamic.ResourceInterface {
	return e.objects.Resource(schema.GroupVersionResource{Group: "cluster.x-k8s.io", Version: "v1beta2", Resource: resource}).Namespace(capi.Namespace)
}

// pool makes a MachineDeployment and waits for its nodes. It goes with the test.
func (e *estate) pool(t *testing.T, name, cluster string, replicas int64) {
	t.Helper()
	reference := func(group, kind string) map[string]any {
		return map[string]any{"apiGroup": group + ".cluster.x-k8s.io", "kind": kind, "name": capi.Template}
	}
	labels := map[string]any{"pool": name}
	e.create(t, "machinedeployments", map[string]any{
		"kind": "MachineDeployment", "metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"clusterName": cluster, "replicas": replicas, "selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{
				"clusterName": cluster, "version": "v1.36.3",
				"bootstrap":         map[string]any{"configRef": reference("bootstrap", "KWOKConfigTemplate")},
				"infrastructureRef": reference("infrastructure", "KWOKMachineTemplate"),
			}},
		},
	})
	e.inTime(t, fmt.Sprintf("%s has %d nodes, and is quiet", name, replicas), func() error { return e.quiet(t, name, cluster, replicas) })
}

// create makes an object that goes with the test.
func (e *estate) create(t *testing.T, resource string, object map[string]any) {
	t.Helper()
	object["apiVersion"] = "cluster.x-k8s.io/v1beta2"
	o := &unstructured.Unstructured{Object: object}
	if _, err := e.of(resource).Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		if err := e.of(resource).Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// quiet is nil if all machines of a pool are nodes, and their controllers know.
func (e *estate) quiet(t *testing.T, pool, cluster string, replicas int64) error {
	t.Helper()
	machines := e.machines(t, pool)
	nodes := e.workers(t, cluster, pool)
	if int64(len(machines)) != replicas || len(nodes) != len(machines) {
		return fmt.Errorf("%d machines, %d nodes", len(machines), len(nodes))
	}
	for _, m := range machines {
		if phase, _, _ := unstructured.NestedString(m.Object, "status", "phase"); phase != "Running" {
			return fmt.Errorf("machine %s is %s", m.GetName(), phase)
		}
	}
	status := e.status(t, pool)
	for _, field := range []string{"replicas", "upToDateReplicas"} {
		if status[field] != replicas {
			return fmt.Errorf("status %v", status)
		}
	}
	return nil
}

func (e *estate) status(t *testing.T, pool string) map[string]any {
	t.Helper()
	o, err := e.of("machinedeployments").Get(t.Context(), pool, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	status, _, _ := unstructured.NestedMap(o.Object, "status")
	return status
}

func (e *estate) machines(t *testing.T, pool string) []unstructured.Unstructured {
	t.Helper()
	list, err := e.of("machines").List(t.Context(), metav1.ListOptions{LabelSelector: "pool=" + pool})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// workers are the nodes of a pool, by name.
func (e *estate) workers(t *testing.T, cluster, pool string) []*corev1.Node {
	t.Helper()
	list, err := e.nodes[cluster].CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var nodes []*corev1.Node
	for i := range list.Items {
		if strings.HasPrefix(list.Items[i].Name, pool+"-") && list.Items[i].Annotations["cluster.x-k8s.io/machine"] != "" {
			nodes = append(nodes, &list.Items[i])
		}
	}
	slices.SortFunc(nodes, func(a, b *corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	return nodes
}

func (e *estate) count(t *testing.T, pool string) int64 {
	t.Helper()
	o, err := e.of("machinedeployments").Get(t.Context(), pool, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, _, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	return n
}

func (e *estate) patch(t *testing.T, resource, name, patch string) {
	t.Helper()
	if _, err := e.of(resource).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (*estate) inTime(t *testing.T, what string, try func() error) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		}
	}
}

// begin makes the only step by which nodes go.
func begin(t *testing.T, r remove.Remover, nodes ...*corev1.Node) *remove.Step {
	t.Helper()
	var leaving []remove.Node
	for _, n := range nodes {
		leaving = append(leaving, remove.Node{Name: n.Name, UID: n.UID})
	}
	steps, err := r.Begin(t.Context(), leaving)
	if err != nil || len(steps) != 1 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	steps[0].Run = strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))
	return steps[0]
}

// again is a step as a journal gives it back that was written before it was done.
func again(t *testing.T, s *remove.Step) *remove.Step {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	copied := &remove.Step{}
	if err := json.Unmarshal(text, copied); err != nil {
		t.Fatal(err)
	}
	return copied
}

func (e *estate) confirm(t *testing.T, r remove.Remover, s *remove.Step) {
	t.Helper()
	e.inTime(t, "the nodes are gone", func() error {
		p, err := r.Confirm(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Gone {
			return errors.New(p.Waiting)
		}
		return nil
	})
}

func claim(t *testing.T, r remove.Remover, nodes []*corev1.Node) remove.Claims {
	t.Helper()
	c, err := r.Claim(t.Context(), nodes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantBlocked is an error unless all nodes are blocked for one reason.
func wantBlocked(t *testing.T, r remove.Remover, nodes []*corev1.Node, reason string) {
	t.Helper()
	c := claim(t, r, nodes)
	if len(c.Blocked) != len(nodes) || len(c.Owners) != 0 {
		t.Errorf("blocked: %v; owned: %v", c.Blocked, c.Owners)
	}
	for name, b := range c.Blocked {
		if b.Reason != reason || b.Fix == "" {
			t.Errorf("%s is blocked: %+v, want %s and what to do", name, b, reason)
		}
	}
}

func uids(nodes []*corev1.Node) map[string]types.UID {
	all := map[string]types.UID{}
	for _, n := range nodes {
		all[n.Name] = n.UID
	}
	return all
}

func (e *estate) marked(t *testing.T, pool string) []string {
	t.Helper()
	var names []string
	for _, m := range e.machines(t, pool) {
		if _, is := m.GetAnnotations()["cluster.x-k8s.io/delete-machine"]; is {
			names = append(names, m.GetName())
		}
	}
	return names
}

func TestClusterAPI(t *testing.T) {
	e := newEstate(t)
	// Side by side, since all of them mostly wait for controllers.
	t.Run("exact", e.testExact)
	t.Run("elsewhere", e.testElsewhere)
	t.Run("marked", e.testMarked)
	t.Run("changed", e.testChanged)
	t.Run("rollout", e.testRollout)
	t.Run("held", e.testHeld)
}

// Of five machines the last by name goes, which without a mark would be the last to
// go, and once, however often it is said.
func (e *estate) testExact(t *testing.T) {
	t.Parallel()
	e.pool(t, "exact", "c1", 5)
	r := e.remover("c1")
	nodes := e.workers(t, "c1", "exact")
	c := claim(t, r, nodes)
	if len(c.Owners) != 5 || len(c.Blocked) != 0 {
		t.Fatalf("claims: %+v", c)
	}
	if o := c.Owners[nodes[0].Name]; o.Kind != "MachineDeployment" || o.Name != "exact" || o.Count == nil || *o.Count != 5 || o.Remover != remove.ClusterAPIName {
		t.Fatalf("owner: %+v", o)
	}
	step := begin(t, r, nodes[4])
	journal := again(t, step)
	if step.From != 5 || step.To != 4 || e.count(t, "exact") != 5 {
		t.Fatalf("step: %+v", step)
	}
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
	if left := uids(e.workers(t, "c1", "exact")); !maps.Equal(left, want) || e.count(t, "exact") != 4 {
		t.Errorf("left are %v with a count of %d, want %v", left, e.count(t, "exact"), want)
	}
}

// Machines whose nodes are in another cluster, two at once.
func (e *estate) testElsewhere(t *testing.T) {
	t.Parallel()
	e.pool(t, "elsewhere", "c2", 3)
	nodes := e.workers(t, "c2", "elsewhere")
	wantBlocked(t, &remove.ClusterAPI{Member: e.members["c2"], Management: e.members["c2"]}, nodes, "NoManagement")
	r := e.remover("c2")
	step := begin(t, r, nodes[2], nodes[1])
	if err := r.Remove(t.Context(), step); err != nil {
		t.Fatal(err)
	}
	e.confirm(t, r, step)
	if left := uids(e.workers(t, "c2", "elsewhere")); !maps.Equal(left, uids(nodes[:1])) {
		t.Errorf("left: %v", left)
	}
}

// A mark that somebody left on another Machine would make that go.
func (e *estate) testMarked(t *testing.T) {
	t.Parallel()
	e.pool(t, "marked", "c1", 2)
	r := e.remover("c1")
	nodes := e.workers(t, "c1", "marked")
	step := begin(t, r, nodes[1])
	mark := func(value string) {
		e.patch(t, "machines", nodes[0].Name, `{"metadata": {"annotations": {"cluster.x-k8s.io/delete-machine": `+value+`}}}`)
	}
	mark(`"true"`)
	wantBlocked(t, r, nodes, "ForeignMark")
	var refused *remove.ChangedError
	if err := r.Remove(t.Context(), step); !errors.As(err, &refused) {
		t.Errorf("remove: %v, want it refused", err)
	}
	if left := e.marked(t, "marked"); e.count(t, "marked") != 2 || !slices.Equal(left, []string{nodes[0].Name}) {
		t.Errorf("a count of %d, and marks on %v", e.count(t, "marked"), left)
	}
	mark("null")
	if c := claim(t, r, nodes); len(c.Owners) != 2 {
		t.Errorf("without the mark: %+v", c)
	}
}

// A count that somebody else has changed is not changed.
func (e *estate) testChanged(t *testing.T) {
	t.Parallel()
	e.pool(t, "changed", "c1", 2)
	r := e.remover("c1")
	nodes := e.workers(t, "c1", "changed")
	step := begin(t, r, nodes[0])
	e.patch(t, "machinedeployments", "changed", `{"spec": {"replicas": 3}}`)
	e.inTime(t, "three nodes", func() error { return e.quiet(t, "changed", "c1", 3) })
	var refused *remove.ChangedError
	if err := r.Remove(t.Context(), step); !errors.As(err, &refused) {
		t.Errorf("remove: %v, want it refused", err)
	}
	// Nor one that is as it should be, by somebody else's doing.
	step.From, step.To = 4, 3
	if err := r.Remove(t.Context(), step); !errors.As(err, &refused) {
		t.Errorf("remove: %v, want it refused", err)
	}
	if left := e.marked(t, "changed"); e.count(t, "changed") != 3 || len(left) != 0 || len(e.workers(t, "c1", "changed")) != 3 {
		t.Errorf("a count of %d, and marks on %v", e.count(t, "changed"), left)
	}
}

// During a rollout the controllers choose among the old machines first.
func (e *estate) testRollout(t *testing.T) {
	t.Parallel()
	e.pool(t, "rollout", "c1", 2)
	r := e.remover("c1")
	nodes := e.workers(t, "c1", "rollout")
	step := begin(t, r, nodes[0])
	hook := func(value string) {
		for _, n := range nodes {
			e.patch(t, "machines", n.Name, `{"metadata": {"annotations": {"pre-drain.delete.hook.machine.cluster.x-k8s.io/test": `+value+`}}}`)
		}
	}
	hook(`"wait"`) // so that it lasts
	e.patch(t, "machinedeployments", "rollout", `{"spec": {"template": {"spec": {"version": "v1.36.4"}}}}`)
	wantBlocked(t, r, nodes, "Rollout")
	var refused *remove.ChangedError
	if err := r.Remove(t.Context(), step); !errors.As(err, &refused) {
		t.Errorf("remove: %v, want it refused", err)
	}
	if left := e.marked(t, "rollout"); e.count(t, "rollout") != 2 || len(left) != 0 {
		t.Errorf("a count of %d, and marks on %v", e.count(t, "rollout"), left)
	}
	hook("null")
	e.inTime(t, "two new nodes", func() error { return e.quiet(t, "rollout", "c1", 2) })
}

// What is paused, or has limits of an autoscaler.
func (e *estate) testHeld(t *testing.T) {
	t.Parallel()
	e.pool(t, "held", "c1", 2)
	r := e.remover("c1")
	nodes := e.workers(t, "c1", "held")
	e.patch(t, "machinedeployments", "held", `{"metadata": {"annotations": {"cluster.x-k8s.io/paused": ""}}}`)
	wantBlocked(t, r, nodes, "Paused")
	e.patch(t, "machinedeployments", "held", `{"metadata": {"annotations": {
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
