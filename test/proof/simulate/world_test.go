package simulate

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/scale/simulate"
	"github.com/kubectl-fleet/kubectl-fleet/test/estate"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// world is nodes and a namespace of one round.
type world struct {
	client *kubernetes.Clientset
	name   string
	count  int
}

const pool = "kubectl-fleet.io/pool"

// newWorld makes random nodes that only pods of this round run on.
func newWorld(t *testing.T, fleet *testfleet.Fleet, cluster string, random *mathrand.Rand) *world {
	t.Helper()
	config := fleet.RESTConfig(t, cluster)
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{client: client, name: "oracle-" + strings.ToLower(rand.Text()[:8]), count: 5 + random.IntN(12)}
	ctx := t.Context()
	if _, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.CoreV1().Namespaces().Delete(background(t), w.name, metav1.DeleteOptions{})
		_ = client.CoreV1().Nodes().DeleteCollection(background(t), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: pool + "=" + w.name})
	})
	for _, name := range w.names() {
		capacity := corev1.ResourceList{
			corev1.ResourceCPU: *resource.NewQuantity(int64(3+random.IntN(6)), resource.DecimalSI), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("20"),
		}
		node := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
				"type": "kwok", pool: w.name, corev1.LabelHostname: name, corev1.LabelTopologyZone: fmt.Sprintf("zone-%d", random.IntN(4)), "disk": []string{"ssd", "hdd"}[random.IntN(2)],
			}},
			Spec:   corev1.NodeSpec{Taints: []corev1.Taint{{Key: "only", Value: w.name, Effect: corev1.TaintEffectNoSchedule}}},
			Status: corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
		}
		switch random.IntN(8) {
		case 0:
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: "some", Effect: corev1.TaintEffectNoSchedule})
		case 1:
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: "rather-not", Effect: corev1.TaintEffectPreferNoSchedule})
		}
		if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range w.names() {
		estate.Eventually(t, "node "+name, func() error {
			n, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, taint := range n.Spec.Taints {
				if strings.HasPrefix(taint.Key, "node.kubernetes.io/") {
					return fmt.Errorf("it has the taint %s", taint.Key)
				}
			}
			for _, c := range n.Status.Conditions {
				if c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
					return nil
				}
			}
			return fmt.Errorf("it is not ready: %v", n.Status.Conditions)
		})
	}
	return w
}

func (w *world) names() []string {
	names := make([]string, w.count)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", w.name, i)
	}
	return names
}

// workloads makes random Deployments, in half of the worlds so many that the nodes
// are full, and waits until their pods are placed. Those that have no place are
// scaled away.
func (w *world) workloads(t *testing.T, random *mathrand.Rand) {
	t.Helper()
	for i := range 3 + random.IntN(w.count) + random.IntN(2)*w.count {
		app := fmt.Sprintf("app-%d", i)
		labels := map[string]string{"app": app}
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: app}, Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(1 + random.IntN(6))), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: w.podSpec(random, labels)},
		}}
		if _, err := w.client.AppsV1().Deployments(w.name).Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	estate.Eventually(t, "all pods to be tried", func() error {
		deployments, err := w.client.AppsV1().Deployments(w.name).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		missing := map[string]int32{}
		for i := range deployments.Items {
			missing[deployments.Items[i].Name] = *deployments.Items[i].Spec.Replicas
		}
		for _, p := range w.pods(t) {
			switch {
			case p.Spec.NodeName != "":
				missing[p.Labels["app"]]--
			case why(p) != "nobody has tried":
				app := p.Labels["app"]
				patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, w.placed(t, app))
				if _, err := w.client.AppsV1().Deployments(w.name).Patch(t.Context(), app, types.MergePatchType, patch, metav1.PatchOptions{}, "scale"); err != nil {
					return err
				}
				return fmt.Errorf("%s has no place", p.Name)
			}
		}
		for app, n := range missing {
			if n != 0 {
				return fmt.Errorf("%s waits for %d pods", app, n)
			}
		}
		return nil
	})
}

func (w *world) placed(t *testing.T, app string) int {
	t.Helper()
	n := 0
	for _, p := range w.pods(t) {
		if p.Labels["app"] == app && p.Spec.NodeName != "" {
			n++
		}
	}
	return n
}

// podSpec asks for this and that.
func (w *world) podSpec(random *mathrand.Rand, labels map[string]string) corev1.PodSpec {
	spec := corev1.PodSpec{
		TerminationGracePeriodSeconds: new(int64(0)),
		NodeSelector:                  map[string]string{pool: w.name},
		Tolerations:                   []corev1.Toleration{{Key: "only", Value: w.name}},
		Affinity:                      &corev1.Affinity{},
		Containers: []corev1.Container{{Name: "app", Image: "registry.example/app:1", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: *resource.NewMilliQuantity(int64(100*(1+random.IntN(10))), resource.DecimalSI), corev1.ResourceMemory: *resource.NewQuantity(int64(1+random.IntN(12))<<28, resource.BinarySI),
		}}}},
	}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	spread := func(key string, action corev1.UnsatisfiableConstraintAction) {
		spec.TopologySpreadConstraints = append(spec.TopologySpreadConstraints, corev1.TopologySpreadConstraint{MaxSkew: int32(1 + random.IntN(2)), TopologyKey: key, WhenUnsatisfiable: action, LabelSelector: selector})
	}
	apart := corev1.PodAffinityTerm{TopologyKey: corev1.LabelHostname, LabelSelector: selector}
	switch random.IntN(9) {
	case 0:
		spread(corev1.LabelTopologyZone, corev1.DoNotSchedule)
	case 1:
		spread(corev1.LabelHostname, corev1.DoNotSchedule)
	case 2:
		spread(corev1.LabelTopologyZone, corev1.ScheduleAnyway)
	case 3:
		spec.Affinity.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{apart}}
	case 4:
		spec.Affinity.PodAntiAffinity = &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 100, PodAffinityTerm: apart}}}
	}
	switch random.IntN(12) {
	case 0:
		spec.NodeSelector["disk"] = "ssd"
	case 1:
		spec.Tolerations = append(spec.Tolerations, corev1.Toleration{Key: "some", Operator: corev1.TolerationOpExists})
	case 2:
		spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 8080}}
	case 3:
		near := apart
		near.TopologyKey = corev1.LabelTopologyZone
		spec.Affinity.PodAffinity = &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{near}}
	}
	return spec
}

// cordon closes nodes, or opens them.
func (w *world) cordon(t *testing.T, nodes []simulate.Leaving, closed bool) {
	t.Helper()
	for _, n := range nodes {
		patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, closed)
		if _, err := w.client.CoreV1().Nodes().Patch(t.Context(), n.Node, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		estate.Eventually(t, "the taint of "+n.Node, func() error {
			node, err := w.client.CoreV1().Nodes().Get(t.Context(), n.Node, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, taint := range node.Spec.Taints {
				if taint.Key == corev1.TaintNodeUnschedulable && closed {
					return nil
				}
				if taint.Key == corev1.TaintNodeUnschedulable {
					return fmt.Errorf("it is there still")
				}
			}
			if closed {
				return fmt.Errorf("it is not there yet")
			}
			return nil
		})
	}
}

// cluster is what a plan would read.
func (w *world) cluster(t *testing.T) simulate.Cluster {
	t.Helper()
	ctx := t.Context()
	var c simulate.Cluster
	nodes, err := w.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pods, err := w.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sets, err := w.client.AppsV1().ReplicaSets(w.name).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	namespaces, err := w.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.Nodes, c.ReplicaSets, c.Namespaces = pointers(nodes.Items), pointers(sets.Items), pointers(namespaces.Items)
	for _, p := range pointers(pods.Items) {
		switch {
		case p.Spec.NodeName != "":
			c.Pods = append(c.Pods, p)
		case p.Namespace == w.name:
			c.Pending = append(c.Pending, p)
		}
	}
	return c
}
