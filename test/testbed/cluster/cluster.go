// Package cluster runs one Kubernetes cluster as plain processes on loopback: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler, and one KWOK process that plays the kubelets of all nodes. TLS and RBAC are on.
package cluster

import (
	"cmp"
	"path/filepath"
	"slices"

	"github.com/kubectl-fleet/kubectl-fleet/test/testbed/process"
)

// The components of a cluster, which are also the names of their programs, logs and records.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	KWOK              = "kwok"
)

// Ports are where a cluster's components listen, on 127.0.0.1.
type Ports struct {
	APIServer int `json:"apiServer"`
	Etcd      int `json:"etcd"`
	EtcdPeer  int `json:"etcdPeer"`
	KWOK      int `json:"kwok"`
}

// portCount is how many ports NewPorts needs.
const portCount = 4

// Spec is what a cluster is asked to be.
type Spec struct {
	Name string `json:"name"`
	// Version of the control plane with its leading v, such as v1.36.3.
	Version string `json:"version"`
	// Nodes is how many KWOK nodes it starts with.
	Nodes int   `json:"nodes"`
	Ports Ports `json:"ports"`
	// Hub is a control plane for the objects of other clusters: it has no nodes, no scheduler, and none of the controllers that would
	// make pods of what is only a template there.
	Hub bool `json:"hub,omitempty"`
}

// Components are what the cluster consists of, in the order in which they start.
func (s Spec) Components() []string {
	if s.Hub {
		return []string{Etcd, APIServer, ControllerManager}
	}
	return []string{Etcd, APIServer, KWOK, ControllerManager, Scheduler}
}

// Cluster is one cluster and the folder that holds all of it, the programs of add-ons included. Those are ended before its own.
type Cluster struct {
	Spec
	process.Group
}

// Server is the address of the API server.
func (c *Cluster) Server() string { return "https://" + address(c.Ports.APIServer) }

// Kubeconfig is the file of the cluster's administrator.
func (c *Cluster) Kubeconfig() string { return c.path("admin.kubeconfig") }

func (c *Cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.Dir}, elem...)...)
}

// stopOrder ends clients before their server, and the API server before its store: without etcd it does not end by itself.
func stopOrder() []string { return []string{KWOK, Scheduler, ControllerManager, APIServer, Etcd} }

// startOrder gives the names of units so that each comes after what it needs.
func startOrder(units map[string]process.Unit) []string {
	names := sortedForStop(units)
	slices.Reverse(names)
	return names
}

func sortedForStop(units map[string]process.Unit) []string {
	names := make([]string, 0, len(units))
	for name := range units {
		names = append(names, name)
	}
	order := stopOrder()
	slices.SortFunc(names, func(a, b string) int {
		// What is not a component is an add-on: -1, before all components.
		if d := slices.Index(order, a) - slices.Index(order, b); d != 0 {
			return d
		}
		// Of add-ons the last that was started comes first: it may be a client of those before it, and a server waits for its clients.
		if d := cmp.Compare(units[b].Start, units[a].Start); d != 0 {
			return d
		}
		return cmp.Compare(a, b)
	})
	return names
}
