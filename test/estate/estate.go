// Package estate gives tests nodes and a namespace of their own in a shared cluster,
// and a watcher that says which promises were broken while nodes left.
package estate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// patience ends what hangs. It is no measure of speed.
const patience = 3 * time.Minute

// Estate is nodes and a namespace of one test in one cluster.
type Estate struct {
	Fleet   *testfleet.Fleet
	Client  *kubernetes.Clientset
	Cluster string
	// Name is that of the namespace, and of the pool.
	Name string
}

// New makes nodes that only pods of this test run on, in the fleet that tests share.
func New(t testing.TB, cluster string, nodes int) *Estate {
	t.Helper()
	return In(t, testfleet.Shared(t), cluster, nodes)
}

// In makes nodes that only pods of this test run on.
func In(t testing.TB, fleet *testfleet.Fleet, cluster string, nodes int) *Estate {
	t.Helper()
	return Named(t, fleet, cluster, "scale-"+strings.ToLower(rand.Text()[:8]), nodes)
}

// Named makes nodes that only pods of this test run on, of a name that no other test has.
func Named(t testing.TB, fleet *testfleet.Fleet, cluster, name string, nodes int) *Estate {
	t.Helper()
	client, err := kubernetes.NewForConfig(fleet.RESTConfig(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	e := &Estate{Fleet: fleet, Client: client, Cluster: cluster, Name: name}
	ctx := t.Context()
	if _, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.tearDown(t))
	for i := range nodes {
		e.Add(t, i)
	}
	for i := range nodes {
		Eventually(t, "node "+e.Node(i), func() error {
			n, err := client.CoreV1().Nodes().Get(ctx, e.Node(i), metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, c := range n.Status.Conditions {
				if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue && len(n.Spec.Taints) == 1 {
					return nil
				}
			}
			return fmt.Errorf("it is not ready: %v", n.Spec.Taints)
		})
	}
	return e
}

// Add makes the i-th node, with further taints.
func (e *Estate) Add(t testing.TB, i int, taints ...corev1.Taint) {
	t.Helper()
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: e.Node(i), Labels: map[string]string{
			"type": "kwok", "kubectl-fleet.io/pool": e.Name, corev1.LabelHostname: e.Node(i), corev1.LabelTopologyZone: "zone-a",
		}},
		Spec: corev1.NodeSpec{Taints: append(taints, corev1.Taint{Key: "only", Value: e.Name, Effect: corev1.TaintEffectNoSchedule})},
		Status: corev1.NodeStatus{
			Capacity: capacity("4"), Allocatable: capacity("4"),
			// From the first moment, or a test beside this one would find a cluster that is not well.
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now()}},
		},
	}
	if _, err := e.Client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func capacity(cpu string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("110")}
}

// Node is the name of the i-th node, counted from 0.
func (e *Estate) Node(i int) string { return fmt.Sprintf("%s-%d", e.Name, i) }

// tearDown takes everything away, whatever the test left.
func (e *Estate) tearDown(t testing.TB) func() {
	t.Helper()
	return func() {
		ctx := context.WithoutCancel(t.Context())
		_ = e.Client.CoreV1().Namespaces().Delete(ctx, e.Name, metav1.DeleteOptions{})
		_ = e.Client.CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "kubectl-fleet.io/pool=" + e.Name})
		_ = e.Client.CoreV1().Secrets("kubectl-fleet").Delete(ctx, "scale", metav1.DeleteOptions{})
	}
}

// Workload makes a Deployment on the estate's nodes, and a budget for it unless
// budget is nil, and waits until all is Ready and counted.
func (e *Estate) Workload(t testing.TB, name string, replicas int32, budget *policyv1.PodDisruptionBudgetSpec, change ...func(*corev1.PodTemplateSpec)) {
	t.Helper()
	labels := map[string]string{"app": name}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{}}, Spec: e.PodSpec()}
	for _, c := range change {
		c(&template)
	}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template}}
	if _, err := e.Client.AppsV1().Deployments(e.Name).Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if budget != nil {
		e.Budget(t, name, *budget, labels)
	}
	Eventually(t, "deployment "+name, func() error {
		d, err := e.Client.AppsV1().Deployments(e.Name).Get(t.Context(), name, metav1.GetOptions{})
		if err == nil && d.Status.ReadyReplicas != replicas {
			err = fmt.Errorf("%d of %d are ready", d.Status.ReadyReplicas, replicas)
		}
		return err
	})
	if budget != nil {
		e.Counted(t, name)
	}
}

// StatefulSet makes one of one pod, on a node if that is free, and waits until it is
// Ready.
func (e *Estate) StatefulSet(t testing.TB, name, preferred string) {
	t.Helper()
	labels := map[string]string{"app": name}
	spec := e.PodSpec()
	spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
		Weight: 100, Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{preferred}}}},
	}}}}
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.StatefulSetSpec{
		Replicas: new(int32(1)), ServiceName: name, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
	}}
	if _, err := e.Client.AppsV1().StatefulSets(e.Name).Create(t.Context(), set, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "statefulset "+name, func() error {
		set, err := e.Client.AppsV1().StatefulSets(e.Name).Get(t.Context(), name, metav1.GetOptions{})
		if err == nil && set.Status.ReadyReplicas != 1 {
			err = errors.New("it is not ready")
		}
		return err
	})
}

// Budget makes a budget.
func (e *Estate) Budget(t testing.TB, name string, spec policyv1.PodDisruptionBudgetSpec, labels map[string]string) {
	t.Helper()
	spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	if _, err := e.Client.PolicyV1().PodDisruptionBudgets(e.Name).Create(t.Context(), &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Counted waits until the disruption controller has seen the budget and its pods.
func (e *Estate) Counted(t testing.TB, name string) {
	t.Helper()
	Eventually(t, "budget "+name, func() error {
		b, err := e.Client.PolicyV1().PodDisruptionBudgets(e.Name).Get(t.Context(), name, metav1.GetOptions{})
		if err == nil && (b.Status.ObservedGeneration < b.Generation || b.Status.ExpectedPods == 0 || b.Status.CurrentHealthy < b.Status.ExpectedPods) {
			err = fmt.Errorf("it has not been counted: %+v", b.Status)
		}
		return err
	})
}

// PodSpec is a pod that runs on the estate's nodes alone.
func (e *Estate) PodSpec() corev1.PodSpec {
	return corev1.PodSpec{
		TerminationGracePeriodSeconds: new(int64(0)),
		NodeSelector:                  map[string]string{"kubectl-fleet.io/pool": e.Name},
		Tolerations:                   []corev1.Toleration{{Key: "only", Value: e.Name}},
		Containers: []corev1.Container{{
			Name: "app", Image: "registry.example/app:1", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")}},
		}},
	}
}

// AtLeast is a budget that wants so many pods to be available.
func AtLeast(n int) *policyv1.PodDisruptionBudgetSpec {
	return &policyv1.PodDisruptionBudgetSpec{MinAvailable: new(intstr.FromInt(n))}
}

// Slow makes pods Ready some time after they have started.
func Slow(d time.Duration) func(*corev1.PodTemplateSpec) {
	return func(p *corev1.PodTemplateSpec) { p.Annotations["testbed.kubectl-fleet.io/ready-delay"] = d.String() }
}

// Nodes are those that are left, and whether each is cordoned.
func (e *Estate) Nodes(t testing.TB) map[string]bool {
	t.Helper()
	list, err := e.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "kubectl-fleet.io/pool=" + e.Name})
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for i := range list.Items {
		left[list.Items[i].Name] = list.Items[i].Spec.Unschedulable
	}
	return left
}

// Untouched fails the test if a node is cordoned, or has a mark of ours.
func (e *Estate) Untouched(t testing.TB, want int) {
	t.Helper()
	list, err := e.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "kubectl-fleet.io/pool=" + e.Name})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != want {
		t.Errorf("%d nodes are left, want %d", len(list.Items), want)
	}
	for i := range list.Items {
		n := &list.Items[i]
		_, excluded := n.Labels[corev1.LabelNodeExcludeBalancers]
		if n.Spec.Unschedulable || n.Annotations["kubectl-fleet.io/scale"] != "" || excluded {
			t.Errorf("node %s has marks: %v %v", n.Name, n.Annotations, n.Spec)
		}
		for _, taint := range n.Spec.Taints {
			if taint.Key == "kubectl-fleet.io/leaving" {
				t.Errorf("node %s has our taint", n.Name)
			}
		}
	}
}

// Eventually tries until there is no error.
func Eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// allows is an error unless a budget allows so many disruptions now.
func (e *Estate) allows(t testing.TB, name string, want int32) error {
	t.Helper()
	b, err := e.Client.PolicyV1().PodDisruptionBudgets(e.Name).Get(t.Context(), name, metav1.GetOptions{})
	if err == nil && b.Status.DisruptionsAllowed != want {
		err = fmt.Errorf("it allows %d", b.Status.DisruptionsAllowed)
	}
	return err
}

// Busy is a node with a Ready pod of an app.
func (e *Estate) Busy(t testing.TB, app string) string {
	t.Helper()
	pods, err := e.Client.CoreV1().Pods(e.Name).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items {
		for _, c := range pods.Items[i].Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && pods.Items[i].DeletionTimestamp == nil {
				return pods.Items[i].Spec.NodeName
			}
		}
	}
	t.Fatal("no pod is Ready")
	return ""
}

// Stall makes the first pod of an app not Ready, and Unstall all of them Ready
// again. Kubelets would; these nodes have none.
func (e *Estate) Stall(t testing.TB, app string) {
	t.Helper()
	e.setReady(t, app, 1, corev1.ConditionFalse)
	Eventually(t, "budget to say no", func() error { return e.allows(t, app, 0) })
}

// Unstall undoes Stall.
func (e *Estate) Unstall(t testing.TB, app string) {
	t.Helper()
	e.setReady(t, app, 100, corev1.ConditionTrue)
	e.Counted(t, app)
}

func (e *Estate) setReady(t testing.TB, app string, most int, is corev1.ConditionStatus) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	pods, err := e.Client.CoreV1().Pods(e.Name).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		t.Fatal(err)
	}
	for i := range pods.Items[:min(most, len(pods.Items))] {
		p := &pods.Items[i]
		at := slices.IndexFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
		if at < 0 || p.Status.Conditions[at].Status == is {
			continue // of the others one may be evicted meanwhile
		}
		p.Status.Conditions[at].Status = is
		if _, err := e.Client.CoreV1().Pods(e.Name).UpdateStatus(ctx, p, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}
