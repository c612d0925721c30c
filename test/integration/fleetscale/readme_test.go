package fleetscale_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	docs "github.com/kubectl-fleet/kubectl-fleet/test/page"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// README's block on shrinking, line by line, on two clusters such as its demo has: a
// budget can never allow it at first, Ctrl-C where README says so, and resume.
func TestReadme(t *testing.T) {
	t.Parallel()
	r := newReadme(t)
	lines := r.block(t, "## Shrinking clusters", "set -- ")
	at := func(what string) int {
		t.Helper()
		i := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, what) })
		if i < 0 {
			t.Fatalf("README does not say %q any more", what)
		}
		return i
	}
	flags, refused, pressed := at("set -- "), at("exit code 5"), at("press Ctrl-C")
	arguments := lines[flags]
	// What the first line exports are paths of a demo; here they are in the environment.
	r.run(t, lines[1:flags]...).want(t, 0)
	r.run(t, arguments, lines[refused]).want(t, 5).says(t, "PodDisruptionBudget default/shop", "minAvailable 6 of 6")
	r.run(t, append([]string{arguments}, lines[refused+1:pressed]...)...).want(t, 0)

	r.pressCtrlC(t, "evicted", arguments, lines[pressed]).want(t, 130)
	if nodes, marked := r.nodes(t); nodes != 8 || marked != 0 {
		t.Errorf("after Ctrl-C there are %d nodes, and %d are unschedulable; there were 8 and 0", nodes, marked)
	}

	r.run(t, lines[pressed+1:]...).want(t, 0)
	if nodes, marked := r.nodes(t); nodes != 5 || marked != 0 {
		t.Errorf("at the end there are %d nodes, and %d are unschedulable; want 5 and 0", nodes, marked)
	}
	for name, client := range r.clients {
		d, err := client.AppsV1().Deployments("default").Get(t.Context(), "shop", metav1.GetOptions{})
		if err != nil || d.Status.ReadyReplicas != 6 {
			t.Errorf("shop in %s: %v %+v", name, err, d.Status)
		}
	}
}

// readme is two clusters, and a shell in which kubectl finds the plugin.
type readme struct {
	env     []string
	clients map[string]*kubernetes.Clientset
}

func newReadme(t *testing.T) *readme {
	t.Helper()
	f := testfleet.New(t, bed.Options{Clusters: 2, Nodes: 4})
	_, env := docs.Shell{
		Plugins: plugins(), Programs: map[string]string{"kubectl": f.Binary(t, "kubectl")},
		Config: docs.Kubeconfig(t, f.Kubeconfig(), map[string]string{"c1": "c1", "c2": "c2"}),
	}.Environ(t)
	r := &readme{env: env, clients: map[string]*kubernetes.Clientset{}}
	for _, name := range f.Clusters() {
		r.clients[name] = kubernetes.NewForConfigOrDie(f.RESTConfig(t, name))
	}
	return r
}

// block is the lines of the block of commands that has a text, below a heading.
func (*readme) block(t *testing.T, heading, has string) []string {
	t.Helper()
	root, err := stack.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, below, _ := strings.Cut(string(text), heading+"\n")
	for part := range strings.SplitSeq(below, "```sh\n") {
		if block, _, _ := strings.Cut(part, "\n```"); strings.Contains(block, has) {
			return strings.Split(block, "\n")
		}
	}
	t.Fatalf("README has no block with %q below %q", has, heading)
	return nil
}

// shell is a shell with some of the lines, and a process group of its own, as at a terminal.
func (r *readme) shell(t *testing.T, lines []string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*patience)
	t.Cleanup(cancel)
	s := &running{cmd: exec.CommandContext(ctx, "bash", "-ec", strings.Join(lines, "\n")), stdout: &bytes.Buffer{}, heard: &listener{}}
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = r.env, s.stdout, s.heard
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *readme) run(t *testing.T, lines ...string) result {
	t.Helper()
	return r.shell(t, lines).ends()
}

// pressCtrlC runs some of the lines, and interrupts them when they have said something.
func (r *readme) pressCtrlC(t *testing.T, when string, lines ...string) result {
	t.Helper()
	s := r.shell(t, lines)
	s.says(t, when)
	if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	return s.ends()
}

// nodes are how many there are, and of how many the scheduler is told to keep away.
func (r *readme) nodes(t *testing.T) (all, marked int) {
	t.Helper()
	for name, client := range r.clients {
		nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all += len(nodes.Items)
		for _, n := range nodes.Items {
			if n.Spec.Unschedulable {
				marked++
			}
		}
	}
	return all, marked
}
