package node

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/cluster"
)

const (
	// Label is on a real node, and what KWOK knows it by.
	Label = "testbed.kubectl-fleet.io/real"
	// socket is within the node's own /run.
	socket = "/run/containerd/containerd.sock"
)

// layout is the node's folder.
type layout struct {
	dir        string
	programs   map[string]string
	port       int
	cgroup     string
	kubeconfig string
}

func (l *layout) runtimeConfig() string { return filepath.Join(l.dir, "containerd.toml") }

func (l *layout) kubeletConfig() string { return filepath.Join(l.dir, "kubelet.yaml") }

// bin is where containerd looks for programs: by their names, when it finds containers again that another has started.
func (l *layout) bin() string { return filepath.Join(l.dir, "bin") }

// lowRuntime is runc, by way of a program of ours.
func (l *layout) lowRuntime() string { return filepath.Join(l.bin(), runc) }

// write writes what the programs read.
func (l *layout) write(c *cluster.Cluster) error {
	var err error
	if l.kubeconfig, err = c.IssueClient("system:node:"+Name, "system:nodes"); err != nil {
		return err
	}
	cert, key, ca, err := c.IssueServer("node")
	if err != nil {
		return err
	}
	network, resolver := filepath.Join(l.dir, "network"), filepath.Join(l.dir, "resolv.conf")
	for _, folder := range []string{network, l.bin()} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	if err := os.Symlink(l.programs[shim], filepath.Join(l.bin(), shim)); err != nil {
		return err
	}
	for file, text := range map[string]string{
		l.runtimeConfig(): l.runtime(network),
		l.kubeletConfig(): l.kubelet(cert, key, ca, resolver),
		resolver:          "nameserver 127.0.0.1\n",
		l.lowRuntime():    fmt.Sprintf("#!/bin/sh\nexec '%s' runc %s '%s' \"$@\"\n", l.programs[Program], l.cgroup, l.programs[runc]),
		// Pods are of the host's network. Of any other there is only what makes the node Ready.
		filepath.Join(network, "10-none.conflist"): `{"cniVersion": "1.0.0", "name": "none", "plugins": [{"type": "none"}]}`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return os.Chmod(l.lowRuntime(), 0o700)
}

// runtime configures containerd. Layers are copied: not every file system can be the lower one of an overlay.
func (l *layout) runtime(network string) string {
	return fmt.Sprintf(`version = 3
root = %[1]q
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.erofs", "io.containerd.differ.v1.erofs", "io.containerd.snapshotter.v1.blockfile"]

[grpc]
  address = %[2]q

[plugins.'io.containerd.internal.v1.opt']
  path = %[3]q

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "native"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = %[4]q

[plugins.'io.containerd.cri.v1.runtime']
  # A machine may not let anybody become less likely to be killed.
  restrict_oom_score_adj = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    conf_dir = %[5]q
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`, filepath.Join(l.dir, "containerd"), socket, filepath.Join(l.dir, "opt"), Image, network)
}

// kubelet configures the kubelet: it neither manages nor limits what others of this machine use.
func (l *layout) kubelet(cert, key, ca, resolver string) string {
	return fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: %d
healthzPort: 0
tlsCertFile: %q
tlsPrivateKeyFile: %q
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: %q}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: "unix://%s"
resolvConf: %q
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
makeIPTablesUtilChains: false
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "0%%", nodefs.available: "0%%", nodefs.inodesFree: "0%%", imagefs.available: "0%%", imagefs.inodesFree: "0%%"}
# Only pods that name it are for it.
registerWithTaints: [{key: %s, effect: NoSchedule}]
`, l.port, cert, key, ca, socket, resolver, Label)
}
