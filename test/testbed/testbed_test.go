package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/bed"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

// asTestbed makes the test binary the command itself, so that it can be started, and killed, as users do.
const asTestbed = "TESTBED_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asTestbed) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), self, args...)
	cmd.Env = append(append(os.Environ(), asTestbed+"=1"), env...)
	return cmd
}

// testbed runs the command and returns its two outputs together.
func testbed(t *testing.T, args ...string) string {
	t.Helper()
	out, err := command(t, nil, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("testbed %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// realBed is a bed that is up.
type realBed struct {
	*bed.Bed
	kubectlPath string
}

func upReal(t *testing.T, args ...string) *realBed {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bed")
	t.Cleanup(func() {
		pids := identities(t, dir)
		testbed(t, "down", "--dir", dir)
		assertGone(t, dir, pids)
	})
	t.Log(testbed(t, append([]string{"up", "--dir", dir}, args...)...))
	b, err := bed.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	path, err := b.Program("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	return &realBed{b, path}
}

func (r *realBed) tryKubectl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), r.kubectlPath, append([]string{"--kubeconfig", r.Kubeconfig()}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return out.String(), nil
}

func (r *realBed) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := r.tryKubectl(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// identities are all processes that a bed has recorded.
func identities(t *testing.T, dir string) []process.Identity {
	t.Helper()
	b, err := bed.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	units, err := b.Units()
	if err != nil {
		t.Fatal(err)
	}
	var ids []process.Identity
	for _, u := range units {
		ids = append(ids, u.Identity)
	}
	return ids
}

func assertGone(t *testing.T, dir string, ids []process.Identity) {
	t.Helper()
	for _, id := range ids {
		if s := id.State(); s != process.Gone {
			t.Errorf("process %d is %s after down", id.PID, s)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left after down (%v)", dir, err)
	}
}

// One bed for all that can share it: every start costs seconds of two cores.
func TestTestbed(t *testing.T) {
	r := upReal(t, "-n", "2", "--nodes", "3", "--version", "c2=1.35.4", "--with", "metrics")
	t.Run("nodes and versions", r.testNodes)
	t.Run("listens on loopback only", r.testLoopback)
	t.Run("deployment, logs, exec, job", r.testWorkloads)
	t.Run("slow pods", r.testSlowPods)
	t.Run("metrics", r.testMetrics)
	t.Run("seed", r.testSeed)
	t.Run("hang and resume", r.testHang)
	t.Run("kill and start", r.testKill)
	t.Run("a dead kwok is started again", r.testKWOK)
	t.Run("up again", r.testUpAgain)
	t.Run("starter killed", testStarterKilled)
}

func (r *realBed) testNodes(t *testing.T) {
	for context, version := range map[string]string{"c1": "v1.36.3", "c2": "v1.35.4"} {
		out := r.kubectl(t, "--context", context, "get", "nodes", "--no-headers")
		if n := strings.Count(out, " Ready "); n != 3 || !strings.Contains(out, context+"-node-1") {
			t.Errorf("%s: %d nodes are ready, want 3:\n%s", context, n, out)
		}
		var v struct{ ServerVersion struct{ GitVersion string } }
		if err := json.Unmarshal([]byte(r.kubectl(t, "--context", context, "version", "-o", "json")), &v); err != nil {
			t.Fatal(err)
		}
		if v.ServerVersion.GitVersion != version {
			t.Errorf("%s: version %s, want %s", context, v.ServerVersion.GitVersion, version)
		}
	}
	out := testbed(t, "kubeconfig", "--dir", r.Dir)
	if strings.Count(out, "certificate-authority-data:") != 2 || !strings.Contains(out, "current-context: c1") {
		t.Errorf("kubeconfig:\n%s", out)
	}
}

func (r *realBed) testLoopback(t *testing.T) {
	// API server, etcd twice, kwok and metrics-server, in two clusters.
	assertLoopback(t, r.Dir, 10)
}

// assertLoopback reads the kernel's own list of listening sockets and looks for those of the bed's processes.
func assertLoopback(t *testing.T, dir string, want int) {
	t.Helper()
	ours := map[string]bool{}
	for _, id := range identities(t, dir) {
		fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", id.PID))
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
				ours[strings.Trim(to, "socket:[]")] = true
			}
		}
	}
	found := 0
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			const listening, loopback = "0A", "0100007F:"
			if len(f) < 10 || f[3] != listening || !ours[f[9]] {
				continue
			}
			found++
			if !strings.HasPrefix(f[1], loopback) {
				t.Errorf("a process of the bed listens on %s", f[1])
			}
		}
	}
	if found != want {
		t.Errorf("%d listening sockets, want %d", found, want)
	}
}

func (r *realBed) testWorkloads(t *testing.T) {
	r.kubectl(t, "--context=c1", "create", "deployment", "web", "--image=registry.example/web:1", "--replicas=3")
	r.kubectl(t, "--context=c1", "create", "job", "once", "--image=registry.example/once:1")
	r.kubectl(t, "--context=c1", "wait", "--for=condition=Available", "deployment/web", "--timeout=30s")
	r.kubectl(t, "--context=c1", "wait", "--for=condition=Complete", "job/once", "--timeout=30s")
	if out := r.kubectl(t, "--context=c1", "logs", "deployment/web"); !strings.Contains(out, "starting in cluster c1") {
		t.Errorf("logs: %q", out)
	}
	if out := r.kubectl(t, "--context=c1", "exec", "deployment/web", "--", "sh", "-c", "echo from $((6*7))"); !strings.Contains(out, "from 42") {
		t.Errorf("exec: %q", out)
	}
	if out, err := r.tryKubectl(t, "--context=c1", "--as=nobody", "get", "secrets"); err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("a user without rights reads secrets: %q, %v", out, err)
	}
}

func (r *realBed) testSlowPods(t *testing.T) {
	r.kubectl(t, "--context=c2", "run", "slow", "--image=registry.example/slow:1",
		"--annotations=testbed.kubectl-fleet.io/ready-delay=2s", "--annotations=testbed.kubectl-fleet.io/delete-delay=2s")
	began := time.Now()
	r.kubectl(t, "--context=c2", "wait", "--for=condition=Ready", "pod/slow", "--timeout=30s")
	ready := time.Since(began)
	began = time.Now()
	r.kubectl(t, "--context=c2", "delete", "pod", "slow", "--timeout=30s")
	if deleted := time.Since(began); ready < time.Second || deleted < time.Second {
		t.Errorf("ready after %s, deleted after %s; want both near 2 s", ready, deleted)
	}
}

func (r *realBed) testMetrics(t *testing.T) {
	for _, context := range []string{"c1", "c2"} {
		if out := r.kubectl(t, "--context", context, "top", "nodes"); strings.Count(out, context+"-node-") != 3 {
			t.Errorf("%s: top nodes:\n%s", context, out)
		}
	}
}

func (r *realBed) testSeed(t *testing.T) {
	for range 2 { // the second time there is nothing left to do
		testbed(t, "seed", "--dir", r.Dir, "-C", "c2", "--namespaces", "3", "--deployments", "4", "--pods", "60")
	}
	if n := strings.Count(r.kubectl(t, "--context=c2", "get", "pods", "-A", "--no-headers"), " Running "); n != 60+4*2 {
		t.Errorf("%d pods run, want %d", n, 60+4*2)
	}
	if out := r.kubectl(t, "--context=c1", "get", "namespaces", "-o", "name"); strings.Contains(out, "seed-") {
		t.Errorf("c1 was seeded too:\n%s", out)
	}
}

func (r *realBed) states(t *testing.T) string {
	t.Helper()
	var list []bed.Status
	if err := json.Unmarshal([]byte(testbed(t, "status", "-o", "json", "--dir", r.Dir)), &list); err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, s := range list {
		states = append(states, s.State)
	}
	return strings.Join(states, " ")
}

func (r *realBed) testHang(t *testing.T) {
	testbed(t, "hang", "c2", "--dir", r.Dir)
	if s := r.states(t); s != "running hung" {
		t.Errorf("states %q", s)
	}
	_, err := r.tryKubectl(t, "--context=c2", "get", "namespaces", "--request-timeout=1s")
	if err == nil || !strings.Contains(err.Error(), "imeout") {
		t.Errorf("a hung cluster: %v, want a timeout", err)
	}
	r.kubectl(t, "--context=c1", "get", "namespaces", "--request-timeout=5s")
	testbed(t, "resume", "c2", "--dir", r.Dir)
	r.kubectl(t, "--context=c2", "get", "namespaces", "--request-timeout=5s")
}

func (r *realBed) testKill(t *testing.T) {
	r.kubectl(t, "--context=c2", "create", "configmap", "kept", "--from-literal=a=b")
	testbed(t, "kill", "c2", "--dir", r.Dir)
	if s := r.states(t); s != "running killed" {
		t.Errorf("states %q", s)
	}
	c, err := r.Cluster("c2")
	if err != nil {
		t.Fatal(err)
	}
	if err := dial(t, c.Server()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a killed cluster: %v, want connection refused", err)
	}
	if out, err := command(t, nil, "resume", "c2", "--dir", r.Dir).CombinedOutput(); err == nil || !strings.Contains(string(out), "testbed start c2") {
		t.Errorf("resume of a killed cluster: %v, %s; want the remedy", err, out)
	}
	testbed(t, "start", "c2", "--dir", r.Dir)
	if out := r.kubectl(t, "--context=c2", "get", "configmap", "kept", "-o", "jsonpath={.data.a}"); out != "b" {
		t.Errorf("data after start: %q", out)
	}
	r.kubectl(t, "--context=c2", "create", "deployment", "after", "--image=registry.example/after:1")
	r.kubectl(t, "--context=c2", "wait", "--for=condition=Available", "deployment/after", "--timeout=60s")
}

// killUnits ends programs of a cluster behind the testbed's back.
func (r *realBed) killUnits(t *testing.T, name string, programs ...string) {
	t.Helper()
	c, err := r.Cluster(name)
	if err != nil {
		t.Fatal(err)
	}
	units, err := c.Units()
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range programs {
		if err := units[program].Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *realBed) testKWOK(t *testing.T) {
	r.killUnits(t, "c1", cluster.KWOK)
	if s := r.states(t); s != "degraded running" {
		t.Errorf("states %q", s)
	}
	testbed(t, "start", "c1", "--dir", r.Dir)
	r.kubectl(t, "--context=c1", "run", "late", "--image=registry.example/late:1")
	r.kubectl(t, "--context=c1", "wait", "--for=condition=Ready", "pod/late", "--timeout=30s")
}

func (r *realBed) testUpAgain(t *testing.T) {
	before := identities(t, r.Dir)
	if out := testbed(t, "up", "-n", "2", "--dir", r.Dir); !strings.Contains(out, "already up") {
		t.Errorf("up again: %s", out)
	}
	if out, err := command(t, nil, "up", "-n", "3", "--dir", r.Dir).CombinedOutput(); err == nil {
		t.Errorf("up with another number is accepted: %s", out)
	}
	if out, err := command(t, nil, "up", "-n", "2", "--with", "karmada", "--dir", r.Dir).CombinedOutput(); err == nil || !strings.Contains(string(out), "no add-on karmada") {
		t.Errorf("up with another add-on: %v, %s; want it refused", err, out)
	}
	after := identities(t, r.Dir)
	for _, id := range before {
		if !slices.Contains(after, id) || id.State() == process.Gone {
			t.Errorf("process %d did not live through up", id.PID)
		}
	}
}

// testStarterKilled runs beside the first bed, which also shows that two beds do not get into each other's way, and without Go in the
// PATH, which shows that nothing is compiled a second time.
func testStarterKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "killed")
	cmd := command(t, []string{"PATH=/nonexistent"}, "up", "-n", "2", "--nodes", "1", "--dir", dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	started := filepath.Join(dir, "c2", "run", cluster.APIServer+".json")
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(started); err == nil {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("no API server within a minute: %s", out.String())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatalf("up came to its end before it was killed: %s", out.String())
	}
	ids := identities(t, dir)
	alive := 0
	for _, id := range ids {
		if id.State() != process.Gone {
			alive++
		}
	}
	if alive < 3 {
		t.Errorf("only %d processes outlived their starter: the test shows nothing", alive)
	}

	// The next up clears that away and is whole.
	if out, err := command(t, []string{"PATH=/nonexistent"}, "up", "-n", "1", "--nodes", "1", "--dir", dir).CombinedOutput(); err != nil ||
		!strings.Contains(string(out), "clear away") || strings.Contains(string(out), "build") {
		t.Errorf("up after the kill: %v\n%s", err, out)
	}
	for _, id := range ids {
		if s := id.State(); s != process.Gone {
			t.Errorf("process %d of the killed up is %s after the next one", id.PID, s)
		}
	}
	ids = identities(t, dir)
	b, err := bed.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	server := b.Clusters()[0].Server()
	testbed(t, "down", "--dir", dir)
	assertGone(t, dir, ids)
	if err := dial(t, server); err == nil {
		t.Errorf("%s still listens after down", server)
	}
}

// dial tells whether something listens at an https address.
func dial(t *testing.T, server string) error {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(server, "https://"))
	if err != nil {
		return err
	}
	return conn.Close()
}
