// Package fleetscale_test runs kubectl fleetscale, as a process, against real
// clusters with the real scheduler and disruption controller. Each test has nodes
// and a namespace of its own.
package fleetscale_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleetscale"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// actAs in the environment makes the test binary the plugin.
const actAs = "KUBECTL_FLEET_TEST_ACT_AS_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(actAs) != "" {
		os.Exit(int(cli.Main(fleetscale.NewCmdFleetscale)))
	}
	testfleet.Main(m)
}

// patience ends what hangs. It is no measure of speed.
const patience = 2 * time.Minute

// estate is nodes and a namespace of one test in one cluster.
type estate struct {
	fleet   *testfleet.Fleet
	client  *kubernetes.Clientset
	cluster string
	name    string // of the namespace, and of the pool
	home    string
}

// newEstate makes nodes that only pods of this test run on, in two zones.
func newEstate(t *testing.T, cluster string, nodes int) *estate {
	t.Helper()
	shared := testfleet.Shared(t)
	client, err := kubernetes.NewForConfig(shared.RESTConfig(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	e := &estate{fleet: shared, client: client, cluster: cluster, name: "scale-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")), home: t.TempDir()}
	e.name = e.name[:min(len(e.name), 40)]
	ctx := t.Context()
	if _, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.tearDown(t))
	for i := range nodes {
		node := &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: e.node(i), Labels: map[string]string{
				"type": "kwok", "kubectl-fleet.io/pool": e.name, corev1.LabelHostname: e.node(i), corev1.LabelTopologyZone: "zone-a",
			}},
			Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "only", Value: e.name, Effect: corev1.TaintEffectNoSchedule}}},
			Status: corev1.NodeStatus{
				Capacity: capacity("4"), Allocatable: capacity("4"),
			},
		}
		if _, err := client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range nodes {
		eventually(t, "node "+e.node(i), func() error {
			n, err := client.CoreV1().Nodes().Get(ctx, e.node(i), metav1.GetOptions{})
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

func capacity(cpu string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("110")}
}

func (e *estate) node(i int) string { return fmt.Sprintf("%s-%d", e.name, i) }

// tearDown takes everything away, whatever the test left.
func (e *estate) tearDown(t *testing.T) func() {
	t.Helper()
	return func() {
		ctx := context.WithoutCancel(t.Context())
		_ = e.client.CoreV1().Namespaces().Delete(ctx, e.name, metav1.DeleteOptions{})
		_ = e.client.CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "kubectl-fleet.io/pool=" + e.name})
		_ = e.client.CoreV1().Secrets("kubectl-fleet").Delete(ctx, "scale", metav1.DeleteOptions{})
	}
}

// workload makes a Deployment on the estate's nodes, and a budget for it unless
// budget is nil, and waits until all is Ready and counted.
func (e *estate) workload(t *testing.T, name string, replicas int32, budget *policyv1.PodDisruptionBudgetSpec, change ...func(*corev1.PodTemplateSpec)) {
	t.Helper()
	labels := map[string]string{"app": name}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{}}, Spec: e.podSpec()}
	for _, c := range change {
		c(&template)
	}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template}}
	if _, err := e.client.AppsV1().Deployments(e.name).Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if budget != nil {
		e.budget(t, name, *budget, labels)
	}
	eventually(t, "deployment "+name, func() error {
		d, err := e.client.AppsV1().Deployments(e.name).Get(t.Context(), name, metav1.GetOptions{})
		if err == nil && d.Status.ReadyReplicas != replicas {
			err = fmt.Errorf("%d of %d are ready", d.Status.ReadyReplicas, replicas)
		}
		return err
	})
	if budget != nil {
		e.counted(t, name)
	}
}

func (e *estate) budget(t *testing.T, name string, spec policyv1.PodDisruptionBudgetSpec, labels map[string]string) {
	t.Helper()
	spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	if _, err := e.client.PolicyV1().PodDisruptionBudgets(e.name).Create(t.Context(), &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// counted waits until the disruption controller has seen the budget and its pods.
func (e *estate) counted(t *testing.T, name string) {
	t.Helper()
	eventually(t, "budget "+name, func() error {
		b, err := e.client.PolicyV1().PodDisruptionBudgets(e.name).Get(t.Context(), name, metav1.GetOptions{})
		if err == nil && (b.Status.ObservedGeneration < b.Generation || b.Status.ExpectedPods == 0 || b.Status.CurrentHealthy < b.Status.ExpectedPods) {
			err = fmt.Errorf("it has not been counted: %+v", b.Status)
		}
		return err
	})
}

func (e *estate) podSpec() corev1.PodSpec {
	return corev1.PodSpec{
		TerminationGracePeriodSeconds: new(int64(0)),
		NodeSelector:                  map[string]string{"kubectl-fleet.io/pool": e.name},
		Tolerations:                   []corev1.Toleration{{Key: "only", Value: e.name}},
		Containers: []corev1.Container{{
			Name: "app", Image: "registry.example/app:1", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m")}},
		}},
	}
}

func atLeast(n int) *policyv1.PodDisruptionBudgetSpec {
	return &policyv1.PodDisruptionBudgetSpec{MinAvailable: new(intstr.FromInt(n))}
}

// slow makes pods Ready some time after they have started.
func slow(d time.Duration) func(*corev1.PodTemplateSpec) {
	return func(p *corev1.PodTemplateSpec) { p.Annotations["testbed.kubectl-fleet.io/ready-delay"] = d.String() }
}

// result is what a command did.
type result struct {
	stdout, stderr string
	code           int
}

// want fails the test unless the command ended with this code.
func (r result) want(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
	return r
}

// says fails the test unless the command has said all of this.
func (r result) says(t *testing.T, texts ...string) result {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			t.Fatalf("nothing says %q\nstdout:\n%s\nstderr:\n%s", text, r.stdout, r.stderr)
		}
	}
	return r
}

// command is the plugin with the estate's cluster.
func (e *estate) command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), actAs+"=1", "HOME="+e.home, "KUBECONFIG="+e.fleet.Kubeconfig(), "KUBECACHEDIR="+filepath.Join(e.home, "cache"), "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	return cmd, &stdout, &stderr
}

func (e *estate) run(t *testing.T, args ...string) result {
	t.Helper()
	cmd, stdout, stderr := e.command(t, args...)
	began := time.Now()
	err := cmd.Run()
	t.Logf("%s: %s", strings.Join(args, " "), time.Since(began).Round(time.Millisecond))
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	return result{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
}

// interrupt runs the plugin, and presses Ctrl-C when it has said something.
func (e *estate) interrupt(t *testing.T, when string, args ...string) result {
	t.Helper()
	cmd, stdout, _ := e.command(t, args...)
	heard := &listener{}
	cmd.Stderr = heard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, when, func() error {
		if !strings.Contains(heard.String(), when) {
			return fmt.Errorf("it has said %s", heard)
		}
		return nil
	})
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return result{stdout: stdout.String(), stderr: heard.String(), code: cmd.ProcessState.ExitCode()}
}

// here are the flags that say: nodes of this estate, and quickly.
func (e *estate) here(args ...string) []string {
	return append(args, "-C", e.cluster, "--pool", e.name, "--min-age", "0", "--settle", "500ms", "--reserve=false")
}

// gone are the flags of the remover that deletes Node objects.
func gone(args []string) []string {
	return append(args, "--remove-with", "node", "--i-stopped-the-kubelet", "--node-gone-for", "1s", "--yes")
}

// nodes are those that are left, and whether each is cordoned.
func (e *estate) nodes(t *testing.T) map[string]bool {
	t.Helper()
	list, err := e.client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "kubectl-fleet.io/pool=" + e.name})
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for i := range list.Items {
		left[list.Items[i].Name] = list.Items[i].Spec.Unschedulable
	}
	return left
}

// untouched fails the test if a node is cordoned, or has a mark of ours.
func (e *estate) untouched(t *testing.T, want int) {
	t.Helper()
	list, err := e.client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "kubectl-fleet.io/pool=" + e.name})
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

// eventually tries until there is no error.
func eventually(t *testing.T, what string, try func() error) {
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

// isGone is true for an object that is not there.
func isGone(err error) bool { return apierrors.IsNotFound(err) }

// allows is an error unless a budget allows so many disruptions now.
func (e *estate) allows(t *testing.T, name string, want int32) error {
	t.Helper()
	b, err := e.client.PolicyV1().PodDisruptionBudgets(e.name).Get(t.Context(), name, metav1.GetOptions{})
	if err == nil && b.Status.DisruptionsAllowed != want {
		err = fmt.Errorf("it allows %d", b.Status.DisruptionsAllowed)
	}
	return err
}
