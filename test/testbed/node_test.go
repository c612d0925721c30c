package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon/node"
)

// A pod on the real node is processes in containers: they end with the node, and come back with it.
func TestNode(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a real node needs root")
	}
	r := upReal(t, "-n", "1", "--nodes", "1", "--with", "node")
	forever := fmt.Sprint(1_000_000_000 + os.Getpid()) // seconds, of which no other test sleeps as many
	manifest := filepath.Join(t.TempDir(), "pod.yaml")
	if err := os.WriteFile(manifest, fmt.Appendf(nil, `apiVersion: v1
kind: Pod
metadata: {name: till}
spec:
  nodeName: %s
  hostNetwork: true
  automountServiceAccountToken: false
  containers:
  - {name: till, image: %s, command: [sleep, %q], volumeMounts: [{name: usr, mountPath: /usr, readOnly: true}]}
  volumes: [{name: usr, hostPath: {path: /usr}}]
`, node.Name, node.Image, forever), 0o600); err != nil {
		t.Fatal(err)
	}
	r.kubectl(t, "--context=c1", "apply", "-f", manifest)
	works := func() error {
		out, err := r.tryKubectl(t, "--context=c1", "exec", "till", "--", "cat", "/proc/1/cmdline")
		if err == nil && out != "sleep\x00"+forever+"\x00" {
			err = fmt.Errorf("its first process is %q", out)
		}
		return err
	}
	r.inTime(t, "a command runs in the pod", works)
	if _, err := r.tryKubectl(t, "--context=c1", "exec", "till", "--", "sh", "-c", "exit 7"); err == nil || !strings.Contains(err.Error(), "exit code 7") {
		t.Errorf("a command that ends with 7: %v", err)
	}
	if out := r.kubectl(t, "--context=c1", "get", "nodes", "-l", "!"+node.Label, "-o", "name"); out != "node/c1-node-1\n" {
		t.Errorf("the other nodes: %q", out)
	}
	if !sleeps(t, forever) {
		t.Fatal("its process is none of this machine's")
	}
	r.killUnits(t, "c1", node.Program)
	r.inTime(t, "the pod ends with the node", func() error { // the kernel kills what is in its namespaces a moment later
		if sleeps(t, forever) {
			return errors.New("its process is still there")
		}
		return nil
	})
	testbed(t, "start", "c1", "--dir", r.Dir)
	r.inTime(t, "a command runs in the pod again", works)
}

// sleeps looks for a process of this machine that sleeps so long.
func sleeps(t *testing.T, seconds string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && bytes.Equal(line, []byte("sleep\x00"+seconds+"\x00")) {
			return true
		}
	}
	return false
}
