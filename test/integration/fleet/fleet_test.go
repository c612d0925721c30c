// Package fleet_test runs kubectl fleet, as a process, against real clusters.
package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/cli"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/cmd/fleet"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// actAs in the environment makes the test binary the plugin, so that tests run
// it as a process of its own without building it.
const actAs = "KUBECTL_FLEET_TEST_ACT_AS_PLUGIN"

func TestMain(m *testing.M) {
	if os.Getenv(actAs) != "" {
		os.Exit(int(cli.Main(fleet.NewCmdFleet)))
	}
	testfleet.Main(m)
}

// patience ends a command that hangs. It is no measure of speed.
const patience = 2 * time.Minute

// plugin is the plugin under test with a home of its own.
type plugin struct {
	fleet *testfleet.Fleet
	path  string
	env   []string
}

func newPlugin(t *testing.T) *plugin {
	t.Helper()
	shared := testfleet.Shared(t)
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	return &plugin{fleet: shared, path: path, env: append(os.Environ(),
		actAs+"=1", "HOME="+home, "KUBECONFIG="+shared.Kubeconfig(), "KUBECACHEDIR="+filepath.Join(home, "cache"), "KUBECTL_FLEET=", "KUBECTL_FLEET_CONFIG=")}
}

// result is what a command did.
type result struct {
	stdout, stderr string
	code           int
}

func (p *plugin) run(t *testing.T, args ...string) result {
	t.Helper()
	return p.exec(t, p.path, args...)
}

func (p *plugin) kubectl(t *testing.T, args ...string) result {
	t.Helper()
	return p.exec(t, p.fleet.Binary(t, "kubectl"), args...)
}

func (p *plugin) exec(t *testing.T, path string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // cleanups, too, run commands
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, &stdout, &stderr
	begin := time.Now()
	err := cmd.Run()
	t.Logf("%s %s: %s", filepath.Base(path), strings.Join(args, " "), time.Since(begin).Round(time.Millisecond))
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() < 0) {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return result{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode()}
}

// want fails the test unless the command ended with this code.
func (r result) want(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", r.code, code, r.stdout, r.stderr)
	}
	return r
}

// rows are the lines of a table below its header, split into fields.
func (r result) rows() [][]string {
	var rows [][]string
	for i, line := range strings.Split(strings.TrimRight(r.stdout, "\n"), "\n") {
		if i > 0 && line != "" {
			rows = append(rows, strings.Fields(line))
		}
	}
	return rows
}

// rowsOf counts the rows of each cluster.
func (r result) rowsOf() map[string]int {
	count := map[string]int{}
	for _, row := range r.rows() {
		count[row[0]]++
	}
	return count
}

// eventually tries until there is no error. The pauses grow: a try is often a
// process, and other tests want the processor, too.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	end := time.Now().Add(patience)
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second/2) {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(pause)
	}
}

// running waits until a pod runs.
func (p *plugin) running(t *testing.T, cluster, namespace, name string) {
	t.Helper()
	eventually(t, "pod "+name, func() error {
		pod, err := p.client(t, cluster).CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err == nil && pod.Status.Phase != corev1.PodRunning {
			err = fmt.Errorf("it is %s", pod.Status.Phase)
		}
		return err
	})
}

func (p *plugin) client(t *testing.T, cluster string) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(p.fleet.RESTConfig(t, cluster))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// namespace makes the same namespace in every cluster, with n config maps each,
// until the test ends.
func (p *plugin) namespace(t *testing.T, name string, n int) {
	t.Helper()
	p.namespaceIn(t, p.fleet.Clusters(), name, n)
}

// namespaceIn is namespace in some clusters.
func (p *plugin) namespaceIn(t *testing.T, clusters []string, name string, n int) {
	t.Helper()
	for _, cluster := range clusters {
		client := p.client(t, cluster)
		eventually(t, "namespace "+name, func() error {
			made, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
			if apierrors.IsAlreadyExists(err) { // of a run that was killed, or ended just now
				made, err = client.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
			}
			if err == nil && made.DeletionTimestamp != nil {
				err = errors.New("it is being deleted")
			}
			if err != nil {
				return err
			}
			// Without it there can be no pods.
			_, err = client.CoreV1().ServiceAccounts(name).Get(t.Context(), "default", metav1.GetOptions{})
			return err
		})
		t.Cleanup(func() {
			err := client.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		})
		for i := range n {
			_, err := client.CoreV1().ConfigMaps(name).Create(t.Context(), &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("thing-%03d", i), Labels: map[string]string{"cluster": cluster}},
			}, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				t.Fatal(err)
			}
		}
	}
}
