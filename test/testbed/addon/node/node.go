// Package node adds a real node to the first cluster of a bed: containerd, runc and the kubelet, and pods that are processes of this
// machine. Root is needed. What their containers run is this machine's own programs.
package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/addon"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/port"
	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/stack"
)

const (
	// Name is the node's: a kubelet that is called an address has that address, loopback too.
	Name = "127.0.0.1"
	// Image is the only one that the node has. Its containers need a volume with this machine's /usr at /usr; without a command they
	// wait to be ended.
	Image = "testbed.kubectl-fleet.io/node:1"
	// Program is the name of what runs the node, and of its log.
	Program = "node"

	containerd = "containerd"
	shim       = "containerd-shim-runc-v2"
	ctr        = "ctr"
	runc       = "runc"
)

// Addon is a real node.
type Addon struct{}

// Name is "node".
func (Addon) Name() string { return "node" }

// Programs are the kubelet of the default Kubernetes, the container runtime, and a program of ours around both.
func (Addon) Programs(root string) ([]stack.Program, error) {
	s, err := stack.Load(root, "node")
	if err != nil {
		return nil, err
	}
	runtime, err := s.Version("github.com/containerd/containerd/v2")
	if err != nil {
		return nil, err
	}
	low, err := s.Version("github.com/opencontainers/runc")
	if err != nil {
		return nil, err
	}
	kubelet, err := stack.Kubelet(root)
	if err != nil {
		return nil, err
	}
	const module = "github.com/containerd/containerd/v2/cmd/"
	return []stack.Program{
		kubelet,
		{Name: containerd, Package: module + containerd, Stack: s, Version: runtime},
		{Name: shim, Package: module + shim, Stack: s, Version: runtime},
		{Name: ctr, Package: module + ctr, Stack: s, Version: runtime},
		// Part of it is in C: what enters a container's namespaces cannot be Go.
		{Name: runc, Package: "github.com/opencontainers/runc", Stack: s, Version: low, CGO: true},
		{Name: Program, Package: ".", Stack: s},
	}, nil
}

// Start runs the node, and returns when it is Ready.
func (Addon) Start(ctx context.Context, host addon.Host) error {
	if os.Geteuid() != 0 {
		return errors.New("a real node needs root")
	}
	c := host.Clusters[0]
	if err := c.LeaveNode(ctx, Label); err != nil {
		return err
	}
	dir := filepath.Join(c.Dir, Program)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	image := filepath.Join(dir, "image.tar")
	if err := writeImage(image, host.Programs[Program]); err != nil {
		return err
	}
	held, ports, err := port.Reserve(ctx, 1)
	if err != nil {
		return err
	}
	defer held.Close()
	files := layout{dir: dir, programs: host.Programs, port: ports[0], cgroup: cgroupOf(dir)}
	if err := files.write(c); err != nil {
		return err
	}
	text, err := json.Marshal(map[string]any{
		"dir": dir, "socket": socket, "cgroup": files.cgroup,
		"runtime": []string{host.Programs[containerd], "--config=" + files.runtimeConfig()},
		"import":  []string{host.Programs[ctr], "--address=" + socket, "--namespace=k8s.io", "images", "import", "--local", image},
		"kubelet": []string{
			host.Programs["kubelet"], "--config=" + files.kubeletConfig(), "--kubeconfig=" + files.kubeconfig,
			"--hostname-override=" + Name, "--root-dir=" + filepath.Join(dir, "kubelet"), "--node-labels=" + Label + "=true",
		},
	})
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "node.json")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return err
	}
	held.Close()
	if _, err := c.Run(Program, host.Programs[Program], []string{"run", config}, []string{"PATH=" + files.bin() + ":" + os.Getenv("PATH")}); err != nil {
		return err
	}
	return ready(ctx, c)
}

// cgroupOf is a name for the pods' cgroup that no other bed has.
func cgroupOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "kubectl-fleet-testbed-" + hex.EncodeToString(sum[:4])
}

func ready(ctx context.Context, c *cluster.Cluster) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	return c.Until(ctx, "wait for the node", []string{Program}, func(ctx context.Context) error {
		n, err := client.CoreV1().Nodes().Get(ctx, Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		why := "it has not said"
		for _, condition := range n.Status.Conditions {
			if condition.Type == corev1.NodeReady {
				if condition.Status == corev1.ConditionTrue {
					return nil
				}
				why = condition.Message
			}
		}
		return fmt.Errorf("it is not Ready: %s", why)
	})
}
