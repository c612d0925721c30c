package fleetbackup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/kubectl-fleet/kubectl-fleet/pkg/api/v1alpha1"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/backup/quiesce"
	"github.com/kubectl-fleet/kubectl-fleet/pkg/member"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/node"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/testfleet"
)

// shopOnNode is a pod of a test's own on the real node of a cluster: processes in containers of containerd's, by way of the kubelet.
type shopOnNode struct {
	fleet     *testfleet.Fleet
	member    *member.Member
	cluster   string
	namespace string
}

func onNode(t *testing.T, namespace string) shopOnNode {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a real node needs root")
	}
	const cluster = "c1"
	s := shopOnNode{fleet: testfleet.SharedWith(t, node.Addon{}), cluster: cluster, namespace: namespace}
	s.member = memberOf(t, s.fleet.RESTConfig(t, cluster), cluster)
	namespaces := objectsOf(s.fleet.RESTConfig(t, cluster), "", "v1", "namespaces", "")
	create(t, namespaces, map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace}})
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() {
		if err := namespaces.Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	create(t, objectsOf(s.fleet.RESTConfig(t, cluster), "", "v1", "pods", namespace), map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "till", "labels": map[string]any{"app": "till"}},
		"spec": map[string]any{
			"nodeName": node.Name, "hostNetwork": true, "automountServiceAccountToken": false, "terminationGracePeriodSeconds": int64(1),
			"containers": []any{map[string]any{"name": "till", "image": node.Image, "volumeMounts": []any{
				map[string]any{"name": "usr", "mountPath": "/usr", "readOnly": true}, map[string]any{"name": "data", "mountPath": "/data"},
			}}},
			"volumes": []any{
				map[string]any{"name": "usr", "hostPath": map[string]any{"path": "/usr"}},
				map[string]any{"name": "data", "emptyDir": map[string]any{}},
			},
		},
	})
	until(t, "the pod is ready", func() error {
		p := s.pod(t)
		if len(p.Status.ContainerStatuses) == 0 || !p.Status.ContainerStatuses[0].Ready {
			return fmt.Errorf("its status is %+v", p.Status)
		}
		return nil
	})
	return s
}

// pod is the pod now.
func (s shopOnNode) pod(t *testing.T) *corev1.Pod {
	t.Helper()
	o, err := s.member.Object(t.Context(), member.Pods(), s.namespace, "till")
	if err != nil {
		t.Fatal(err)
	}
	p := &corev1.Pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// action is still while /data/still is there. What a freeze does beside that is given.
func (s shopOnNode) action(before string) v1alpha1.QuiesceAction {
	return v1alpha1.QuiesceAction{Exec: &v1alpha1.ExecAction{
		Namespace: s.namespace, Selector: "app=till",
		Freeze: []string{"sh", "-c", before + "; touch /data/still"}, Release: []string{"rm", "-f", "/data/still"}, Probe: []string{"test", "-e", "/data/still"},
	}}
}

// sh runs something in the container, and returns what it prints.
func (s shopOnNode) sh(t *testing.T, script string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := s.member.Exec(t.Context(), s.namespace, "till", corev1.PodExecOptions{Container: "till", Command: []string{"sh", "-c", script}, Stdout: true, Stderr: true},
		remotecommand.StreamOptions{Stdout: &out, Stderr: &out})
	return out.String(), err
}

// isStill asks until there is an answer: what has just restarted may have none.
func (s shopOnNode) isStill(t *testing.T) bool {
	t.Helper()
	var said string
	until(t, "a word of the container", func() (err error) {
		if said, err = s.sh(t, "if [ -e /data/still ]; then echo still; else echo free; fi"); err == nil && said != "still\n" && said != "free\n" {
			err = fmt.Errorf("it says %q", said)
		}
		return err
	})
	return said == "still\n"
}

// processes are those of the node that run a program of the bed, by the end of its path.
func (s shopOnNode) processes(t *testing.T, program string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, file := range files {
		line, err := os.ReadFile(file)
		words := strings.Split(string(line), "\x00")
		if err != nil || !strings.HasSuffix(words[0], "/"+program) || !strings.Contains(string(line), filepath.Join(s.fleet.Dir(), s.cluster)) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// restart kills a program of the node, and waits until it is there again.
func (s shopOnNode) restart(t *testing.T, program string) {
	t.Helper()
	was := s.processes(t, program)
	if len(was) != 1 {
		t.Fatalf("processes of %s: %v", program, was)
	}
	if err := syscall.Kill(was[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, program+" runs again", func() error {
		if now := s.processes(t, program); len(now) != 1 || now[0] == was[0] {
			return fmt.Errorf("processes: %v", now)
		}
		return nil
	})
	until(t, "an exec works again", func() error {
		said, err := s.sh(t, "echo here")
		if err == nil && said != "here\n" {
			err = fmt.Errorf("it says %q", said)
		}
		return err
	})
}

func TestKubeletHold(t *testing.T) {
	s := onNode(t, "kubelet-hold")
	h := holding(t, s.member, s.action("true"))
	holds := h.plan(t, 1)
	if holds[0].ContainerID == "" || holds[0].Container != "till" {
		t.Errorf("hold: %+v", holds[0])
	}
	if err := h.Rehearse(t.Context(), s.member, holds[0]); err != nil {
		t.Fatal(err)
	}
	if s.isStill(t) {
		t.Fatal("a rehearsal has frozen it")
	}
	if err := h.Freeze(t.Context(), s.member, &holds[0]); err != nil {
		t.Fatal(err)
	}
	if !s.isStill(t) || holds[0].State != v1alpha1.HoldFrozen {
		t.Errorf("hold: %+v", holds[0])
	}
	if err := h.Check(t.Context(), s.member, &holds[0]); err != nil {
		t.Error(err)
	}
	if err := h.Release(t.Context(), s.member, &holds[0]); err != nil || holds[0].State != v1alpha1.HoldReleased || s.isStill(t) {
		t.Errorf("%+v, %v", holds[0], err)
	}
	if left, err := s.sh(t, "ls /data"); err != nil || left != "" {
		t.Errorf("left behind in the data: %q, %v", left, err)
	}
}

func TestKubeletFreezeFails(t *testing.T) {
	s := onNode(t, "kubelet-fails")
	h := holding(t, s.member, s.action("touch /data/still; echo the drawer is open; exit 9"))
	holds := h.plan(t, 1)
	if err := h.Freeze(t.Context(), s.member, &holds[0]); err == nil || !strings.Contains(err.Error(), "exit code 9: the drawer is open") {
		t.Errorf("a freeze that fails: %v", err)
	}
	if holds[0].State != v1alpha1.HoldBroken || s.isStill(t) {
		t.Errorf("hold: %+v", holds[0])
	}
}

// A container that restarts has no hold any more, and what it stores is let go all the same.
func TestKubeletContainerRestarts(t *testing.T) {
	s := onNode(t, "kubelet-restarts")
	h := holding(t, s.member, s.action("true"))
	holds := h.plan(t, 1)
	if err := h.Freeze(t.Context(), s.member, &holds[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.sh(t, "kill 1; sleep 60"); err == nil {
		t.Error("the container did not end")
	}
	until(t, "the container runs again", func() error {
		if p := s.pod(t); p.Status.ContainerStatuses[0].RestartCount == 0 || !p.Status.ContainerStatuses[0].Ready {
			return errors.New("it does not")
		}
		return nil
	})
	if !s.isStill(t) {
		t.Fatal("its data do not outlive it")
	}
	var broken *quiesce.BrokenError
	if err := h.Check(t.Context(), s.member, &holds[0]); !errors.As(err, &broken) || holds[0].State != v1alpha1.HoldBroken {
		t.Errorf("%+v, %v", holds[0], err)
	}
	if err := h.Release(t.Context(), s.member, &holds[0]); err != nil || holds[0].State != v1alpha1.HoldBroken || s.isStill(t) {
		t.Errorf("%+v, %v", holds[0], err)
	}
}

// A hold outlives the kubelet and the container runtime.
func TestKubeletAndRuntimeRestart(t *testing.T) {
	s := onNode(t, "kubelet-runtime")
	h := holding(t, s.member, s.action("true"))
	holds := h.plan(t, 1)
	if err := h.Freeze(t.Context(), s.member, &holds[0]); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"kubelet", "containerd"} {
		s.restart(t, program)
		if err := h.Check(t.Context(), s.member, &holds[0]); err != nil {
			t.Errorf("%s restarted: %v", program, err)
		}
	}
	if err := h.Release(t.Context(), s.member, &holds[0]); err != nil || holds[0].State != v1alpha1.HoldReleased || s.isStill(t) {
		t.Errorf("%+v, %v", holds[0], err)
	}
}

// The runtime dies while something is frozen. An exec then ends with 0 and has said nothing: that is no hold.
func TestKubeletRuntimeDiesInFreeze(t *testing.T) {
	s := onNode(t, "kubelet-dies")
	h := holding(t, s.member, s.action("touch /data/begun; sleep 3"))
	holds := h.plan(t, 1)
	frozen := make(chan error, 1)
	go func() { frozen <- h.Freeze(t.Context(), s.member, &holds[0]) }()
	until(t, "the freeze has begun", func() error {
		_, err := s.sh(t, "test -e /data/begun")
		return err
	})
	s.restart(t, "containerd")
	if err := <-frozen; err == nil {
		t.Error("it is said to be held")
	}
	if err := h.Release(t.Context(), s.member, &holds[0]); err != nil {
		t.Error(err)
	}
	time.Sleep(3 * time.Second) // the freeze would have ended
	if holds[0].State == v1alpha1.HoldFrozen || s.isStill(t) {
		t.Errorf("hold: %+v", holds[0])
	}
}

// Whoever froze it is gone for ever, in the middle of that: the deadman lets go.
func TestKubeletDeadman(t *testing.T) {
	s := onNode(t, "kubelet-deadman")
	t.Parallel()
	cut, m := behindProxy(t, s)
	h := holding(t, m, s.action("touch /data/begun; sleep 2"))
	h.Policy.Spec.MaxFreeze.Duration = time.Second
	holds, err := h.Plan(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	lost := holds[0]
	frozen := make(chan error, 1)
	go func() { frozen <- h.Freeze(t.Context(), m, &lost) }()
	until(t, "the freeze has begun", func() error {
		_, err := s.sh(t, "test -e /data/begun")
		return err
	})
	cut()
	var unreleased *quiesce.UnreleasedError
	if err := <-frozen; !errors.As(err, &unreleased) || lost.State == v1alpha1.HoldBroken || lost.State == v1alpha1.HoldReleased {
		t.Errorf("%+v, %v", lost, err)
	}
	until(t, "it is still", func() error {
		if !s.isStill(t) {
			return errors.New("it is not")
		}
		return nil
	})
	until(t, "it is released", func() error {
		if s.isStill(t) {
			return errors.New("it is still")
		}
		return nil
	})
	other := h
	other.Token = "another"
	if err := other.Check(t.Context(), s.member, &lost); err == nil || !strings.Contains(err.Error(), "deadman") {
		t.Errorf("what the container says: %v", err)
	}
	if err := other.Release(t.Context(), s.member, &lost); err != nil || lost.State != v1alpha1.HoldBroken || !strings.Contains(lost.Why, "deadman") {
		t.Errorf("%+v, %v", lost, err)
	}
}

// behindProxy is a way to the cluster that can be cut, and stays so.
func behindProxy(t *testing.T, s shopOnNode) (cut func(), m *member.Member) {
	t.Helper()
	config := s.fleet.RESTConfig(t, s.cluster)
	to := strings.TrimPrefix(config.Host, "https://")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := new(net.Dialer).DialContext(ctx, "tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			context.AfterFunc(ctx, func() { _, _ = near.Close(), far.Close() })
			go func() { _, _ = io.Copy(far, near) }()
			go func() { _, _ = io.Copy(near, far) }()
		}
	}()
	cut = func() {
		_ = listener.Close()
		end()
	}
	t.Cleanup(cut)
	config.Host = "https://" + listener.Addr().String()
	return cut, memberOf(t, config, s.cluster)
}
