package capi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	for _, name := range e.fleet.Clusters() {
		e.members[name], e.nodes[name] = e.member(t, name), kubernetes.NewForConfigOrDie(e.fleet.RESTConfig(t, name))
	}
	e.nodes["kur"] = e.nodes["c1"] // which another Cluster says of it
	e.objects = dynamic.NewForConfigOrDie(e.fleet.RESTConfig(t, "c1"))
	return e
}

// member is a way to a cluster that remembers nothing.
func (e *estate) member(t *testing.T, cluster string) *member.Member {
	t.Helper()
	config := e.fleet.RESTConfig(t, cluster)
	m, err := member.NewPool(member.Options{}).Member(t.Context(), inventory.Cluster{Name: cluster, Server: config.Host, Access: access{config}})
	if err != nil {
		t.Fatal(err)
	}
	return m
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
